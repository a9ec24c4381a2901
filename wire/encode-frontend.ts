/**
 * What pgring sends to servers. pg-protocol serialises where it can say what is meant; it cannot take SQL as bytes,
 * a format for each column, a long cancellation key or a name over 63 characters (it prints a warning), nor start up
 * without a client_encoding of its own; those are built here.
 */

import { serialize } from 'pg-protocol';
import { PgError, sqlstate } from '../base/errors.js';
import { frontendType } from './frame.js';
import type { Bind, Target } from './frontend.js';
import { MessageWriter } from './message-writer.js';
import { protocolMajor, requestCode } from './startup.js';

export const syncFrame: Buffer = serialize.sync();
export const flushFrame: Buffer = serialize.flush();
export const terminateFrame: Buffer = serialize.end();
export const copyDoneFrame: Buffer = serialize.copyDone();

/** The untagged request for TLS; the answer is one byte, S or N. */
export const sslRequestPacket: Buffer = serialize.requestSsl();

/** What a Bind says; everything left out is empty, so text. */
export type BindOptions = Partial<Bind>;

/** A string inside a message ends at a NUL, so one in it would let the rest be read as other fields. */
function checked(text: string): string {
  if (text.includes('\0')) {
    throw new PgError(sqlstate.characterNotInRepertoire, 'invalid byte sequence for encoding "UTF8": 0x00');
  }
  return text;
}

export function encodeQuery(sql: string | Buffer): Buffer {
  if (typeof sql === 'string') return serialize.query(checked(sql));
  return new MessageWriter(frontendType.query, sql.length + 6).writeString(sql).finish();
}

export function encodeParse(name: string, sql: string | Buffer, parameterTypes: readonly number[]): Buffer {
  const writer = new MessageWriter(
    frontendType.parse,
    5 + name.length * 3 + sql.length + parameterTypes.length * 4 + 4,
  );
  writer.writeString(name).writeString(sql).writeCount(parameterTypes.length);
  for (const type of parameterTypes) writer.writeUInt32(type);
  return writer.finish();
}

export function encodeBind(options: BindOptions): Buffer {
  const { portal = '', statement = '', parameterFormats = [], parameters = [], resultFormats = [] } = options;
  const writer = new MessageWriter(frontendType.bind);
  writer.writeString(portal).writeString(statement).writeCount(parameterFormats.length);
  for (const format of parameterFormats) writer.writeInt16(format);
  writer.writeCount(parameters.length);
  for (const value of parameters) writer.writeValue(value);
  writer.writeCount(resultFormats.length);
  for (const format of resultFormats) writer.writeInt16(format);
  return writer.finish();
}

export function encodeDescribe(target: Target, name: string): Buffer {
  return serialize.describe({ type: targetLetter[target], name: checked(name) });
}

export function encodeClose(target: Target, name: string): Buffer {
  return serialize.close({ type: targetLetter[target], name: checked(name) });
}

const targetLetter = { statement: 'S', portal: 'P' } as const;

/** Zero rows means all. */
export function encodeExecute(portal: string, maximumRows: number): Buffer {
  return serialize.execute({ portal: checked(portal), rows: maximumRows });
}

export function encodeCopyData(bytes: Buffer): Buffer {
  return serialize.copyData(bytes);
}

export function encodeCopyFail(message: string): Buffer {
  return serialize.copyFail(checked(message));
}

/** The start-up packet, of protocol 3.0. */
export function encodeStartup(parameters: Iterable<readonly [string, string]>): Buffer {
  const writer = new MessageWriter(undefined).writeInt32(protocolMajor << 16);
  for (const [name, value] of parameters) writer.writeString(name).writeString(value);
  return writer.writeByte(0).finish();
}

export function encodeCancel(processId: number, secretKey: Buffer): Buffer {
  return new MessageWriter(undefined)
    .writeInt32(requestCode.cancel)
    .writeInt32(processId)
    .writeBytes(secretKey)
    .finish();
}

/** A password in the clear, or the answer to an md5 challenge. */
export function encodePassword(password: string): Buffer {
  return serialize.password(checked(password));
}

export function encodeSaslInitialResponse(mechanism: string, response: string): Buffer {
  return serialize.sendSASLInitialResponseMessage(checked(mechanism), response);
}

export function encodeSaslResponse(response: string): Buffer {
  return serialize.sendSCRAMClientFinalMessage(response);
}
