/**
 * What a server sends, decoded from whole frames: for what pgring asks on its own account and for what it must
 * understand to merge. Buffers in the results are views of the frame.
 */

import { PgError, sqlstate } from '../base/errors.js';
import { BodyReader } from './body-reader.js';
import { frameHeaderBytes } from './frame.js';
import { maximumSecretKeyBytes } from './startup.js';

export { readErrorResponse, readNoticeResponse } from './report.js';

/** One column of a result. A format is 0 for text and 1 for binary. */
export interface FieldDescription {
  readonly name: string;
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  readonly typeSize: number;
  readonly typeModifier: number;
  readonly format: number;
}

export type TransactionStatus = 'I' | 'T' | 'E';

export interface BackendKeyData {
  readonly processId: number;
  readonly secretKey: Buffer;
}

/** What the server wants of a login. */
export type AuthenticationRequest =
  | { readonly kind: 'ok' }
  | { readonly kind: 'cleartext' }
  | { readonly kind: 'md5'; readonly salt: Buffer }
  | { readonly kind: 'sasl'; readonly mechanisms: readonly string[] }
  | { readonly kind: 'saslContinue'; readonly data: string }
  | { readonly kind: 'saslFinal'; readonly data: string };

export interface CopyResponse {
  /** 0: text or CSV; 1: binary. */
  readonly format: number;
  readonly columnFormats: readonly number[];
}

export interface Negotiated {
  readonly minor: number;
  readonly unrecognized: readonly string[];
}

export function readRowDescription(frame: Buffer): FieldDescription[] {
  const reader = new BodyReader(frame);
  const count = reader.readUInt16();
  const fields: FieldDescription[] = [];
  for (let index = 0; index < count; index++) {
    fields.push({
      name: reader.readString(),
      tableOid: reader.readUInt32(),
      columnNumber: reader.readInt16(),
      typeOid: reader.readUInt32(),
      typeSize: reader.readInt16(),
      typeModifier: reader.readInt32(),
      format: reader.readInt16(),
    });
  }
  reader.expectEnd();
  return fields;
}

/** The values of the row whose frame begins at `start`; bytes after that frame are left alone. */
export function readDataRow(bytes: Buffer, start = 0): (Buffer | null)[] {
  const bodyStart = start + frameHeaderBytes;
  if (bodyStart > bytes.length) throw new PgError(sqlstate.protocolViolation, 'insufficient data left in message');
  const reader = new BodyReader(bytes, bodyStart, start + 1 + bytes.readUInt32BE(start + 1));
  const count = reader.readUInt16();
  const values: (Buffer | null)[] = [];
  for (let index = 0; index < count; index++) {
    const length = reader.readInt32();
    values.push(length === -1 ? null : reader.readBytes(length));
  }
  reader.expectEnd();
  return values;
}

export function readCommandComplete(frame: Buffer): string {
  const reader = new BodyReader(frame);
  const tag = reader.readString();
  reader.expectEnd();
  return tag;
}

export function readParameterStatus(frame: Buffer): { readonly name: string; readonly value: string } {
  const reader = new BodyReader(frame);
  const status = { name: reader.readString(), value: reader.readString() };
  reader.expectEnd();
  return status;
}

export function readReadyForQuery(frame: Buffer): TransactionStatus {
  const reader = new BodyReader(frame);
  const status = String.fromCharCode(reader.readByte());
  reader.expectEnd();
  if (status === 'I' || status === 'T' || status === 'E') return status;
  throw new PgError(sqlstate.protocolViolation, `invalid transaction status in ReadyForQuery: ${status}`);
}

export function readParameterDescription(frame: Buffer): number[] {
  const reader = new BodyReader(frame);
  const count = reader.readUInt16();
  const oids: number[] = [];
  for (let index = 0; index < count; index++) oids.push(reader.readUInt32());
  reader.expectEnd();
  return oids;
}

export function readBackendKeyData(frame: Buffer): BackendKeyData {
  const reader = new BodyReader(frame);
  const processId = reader.readInt32();
  const secretKey = reader.readRest();
  if (secretKey.length < 4 || secretKey.length > maximumSecretKeyBytes) {
    throw new PgError(sqlstate.protocolViolation, 'invalid length of cancel key in BackendKeyData');
  }
  return { processId, secretKey };
}

/** Methods that pgring does not speak are an error, named as in the server's pg_hba.conf. */
const unsupportedMethods: ReadonlyMap<number, string> = new Map([
  [2, 'Kerberos 5'],
  [6, 'SCM credentials'],
  [7, 'gss'],
  [9, 'sspi'],
]);

export function readAuthentication(frame: Buffer): AuthenticationRequest {
  const reader = new BodyReader(frame);
  const request = readAuthenticationBody(reader);
  reader.expectEnd();
  return request;
}

function readAuthenticationBody(reader: BodyReader): AuthenticationRequest {
  const method = reader.readInt32();
  switch (method) {
    case 0:
      return { kind: 'ok' };
    case 3:
      return { kind: 'cleartext' };
    case 5:
      return { kind: 'md5', salt: reader.readBytes(4) };
    case 10: {
      const mechanisms: string[] = [];
      for (let mechanism = reader.readString(); mechanism !== ''; mechanism = reader.readString()) {
        mechanisms.push(mechanism);
      }
      return { kind: 'sasl', mechanisms };
    }
    case 11:
      return { kind: 'saslContinue', data: reader.readRest().toString() };
    case 12:
      return { kind: 'saslFinal', data: reader.readRest().toString() };
    default:
      throw new PgError(
        sqlstate.featureNotSupported,
        `the server asks for an authentication method that pgring does not support: ` +
          (unsupportedMethods.get(method) ?? `code ${method}`),
        { hint: "Let pgring's role log in by scram-sha-256, md5, password or trust in the server's pg_hba.conf." },
      );
  }
}

/** CopyInResponse, CopyOutResponse and CopyBothResponse have one shape. */
export function readCopyResponse(frame: Buffer): CopyResponse {
  const reader = new BodyReader(frame);
  const format = reader.readByte();
  const count = reader.readUInt16();
  const columnFormats: number[] = [];
  for (let index = 0; index < count; index++) columnFormats.push(reader.readInt16());
  reader.expectEnd();
  return { format, columnFormats };
}

/** What the server speaks instead; it sends the whole version, major number included. */
export function readNegotiateProtocolVersion(frame: Buffer): Negotiated {
  const reader = new BodyReader(frame);
  const minor = reader.readInt32() & 0xffff;
  const count = reader.readInt32();
  const unrecognized: string[] = [];
  for (let index = 0; index < count; index++) unrecognized.push(reader.readString());
  reader.expectEnd();
  return { minor, unrecognized };
}
