/** What a client is asked for at its log-in (PostgreSQL manual, "Message Formats": Authentication…). */

import { backendType } from './frame.js';
import { MessageWriter } from './message-writer.js';

export const cleartextPasswordRequest: Buffer = request(3).finish();

export function encodeMd5Request(salt: Buffer): Buffer {
  return request(5).writeBytes(salt).finish();
}

/** The mechanisms in the order of preference. */
export function encodeSaslRequest(mechanisms: readonly string[]): Buffer {
  const writer = request(10);
  for (const mechanism of mechanisms) writer.writeString(mechanism);
  return writer.writeByte(0).finish();
}

export function encodeSaslContinue(data: string): Buffer {
  return request(11).writeBytes(Buffer.from(data, 'latin1')).finish();
}

export function encodeSaslFinal(data: string): Buffer {
  return request(12).writeBytes(Buffer.from(data, 'latin1')).finish();
}

function request(code: number): MessageWriter {
  return new MessageWriter(backendType.authentication).writeInt32(code);
}
