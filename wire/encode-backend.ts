/** What pgring itself says to clients, beside the bytes that it passes on. */

import { assert } from '../base/assert.js';
import type { FieldDescription, TransactionStatus } from './backend.js';
import { backendType, frameHeaderBytes } from './frame.js';
import { emptyMessage, MessageWriter } from './message-writer.js';
import { maximumSecretKeyBytes, protocolMajor } from './startup.js';

export { encodeErrorResponse, encodeNoticeResponse } from './report.js';

export const authenticationOk: Buffer = new MessageWriter(backendType.authentication).writeInt32(0).finish();

export const parseComplete: Buffer = emptyMessage(backendType.parseComplete);
export const bindComplete: Buffer = emptyMessage(backendType.bindComplete);
export const closeComplete: Buffer = emptyMessage(backendType.closeComplete);
export const noData: Buffer = emptyMessage(backendType.noData);
export const portalSuspended: Buffer = emptyMessage(backendType.portalSuspended);
export const emptyQueryResponse: Buffer = emptyMessage(backendType.emptyQueryResponse);
export const copyDone: Buffer = emptyMessage(backendType.copyDone);

/** The one byte that refuses SSLRequest and GSSENCRequest, and the one that accepts SSLRequest. */
export const encryptionRefused: Buffer = Buffer.from('N');
export const sslAccepted: Buffer = Buffer.from('S');

const readyForQuery = {
  I: encodeStatus('I'),
  T: encodeStatus('T'),
  E: encodeStatus('E'),
} as const;

function encodeStatus(status: TransactionStatus): Buffer {
  return new MessageWriter(backendType.readyForQuery).writeByte(status.charCodeAt(0)).finish();
}

/** One shared buffer for each status: never write into it. */
export function encodeReadyForQuery(status: TransactionStatus): Buffer {
  return readyForQuery[status];
}

/** A key of 4 bytes for protocol 3.0, up to 256 for 3.2. */
export function encodeBackendKeyData(processId: number, secretKey: Buffer): Buffer {
  assert(secretKey.length >= 4 && secretKey.length <= maximumSecretKeyBytes, 'a secret key has 4 to 256 bytes');
  return new MessageWriter(backendType.backendKeyData).writeInt32(processId).writeBytes(secretKey).finish();
}

export function encodeParameterStatus(name: string, value: string): Buffer {
  return new MessageWriter(backendType.parameterStatus).writeString(name).writeString(value).finish();
}

export function encodeRowDescription(fields: readonly FieldDescription[]): Buffer {
  const writer = new MessageWriter(backendType.rowDescription).writeCount(fields.length);
  for (const field of fields) {
    writer
      .writeString(field.name)
      .writeUInt32(field.tableOid)
      .writeInt16(field.columnNumber)
      .writeUInt32(field.typeOid)
      .writeInt16(field.typeSize)
      .writeInt32(field.typeModifier)
      .writeInt16(field.format);
  }
  return writer.finish();
}

export function encodeDataRow(values: readonly (Buffer | string | null)[]): Buffer {
  const writer = new MessageWriter(backendType.dataRow).writeCount(values.length);
  for (const value of values) writer.writeValue(value);
  return writer.finish();
}

export function encodeCommandComplete(tag: string): Buffer {
  return new MessageWriter(backendType.commandComplete, 64).writeString(tag).finish();
}

export function encodeParameterDescription(oids: readonly number[]): Buffer {
  const writer = new MessageWriter(backendType.parameterDescription).writeCount(oids.length);
  for (const oid of oids) writer.writeUInt32(oid);
  return writer.finish();
}

/** PostgreSQL sends, and libpq expects, the whole version in the field that the manual calls the minor one. */
export function encodeNegotiateProtocolVersion(minor: number, options: readonly string[]): Buffer {
  const writer = new MessageWriter(backendType.negotiateProtocolVersion)
    .writeInt32((protocolMajor << 16) | minor)
    .writeInt32(options.length);
  for (const option of options) writer.writeString(option);
  return writer.finish();
}

/** A format is 0 for text (and CSV) and 1 for binary. */
export function encodeCopyInResponse(format: number, columnFormats: readonly number[]): Buffer {
  return encodeCopyResponse(backendType.copyInResponse, format, columnFormats);
}

export function encodeCopyOutResponse(format: number, columnFormats: readonly number[]): Buffer {
  return encodeCopyResponse(backendType.copyOutResponse, format, columnFormats);
}

function encodeCopyResponse(type: number, format: number, columnFormats: readonly number[]): Buffer {
  const writer = new MessageWriter(type).writeByte(format).writeCount(columnFormats.length);
  for (const columnFormat of columnFormats) writer.writeInt16(columnFormat);
  return writer.finish();
}

export function encodeCopyData(bytes: Buffer): Buffer {
  return new MessageWriter(backendType.copyData, frameHeaderBytes + bytes.length).writeBytes(bytes).finish();
}
