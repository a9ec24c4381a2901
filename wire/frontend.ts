/**
 * What a client sends, decoded from whole frames (PostgreSQL manual, "Message Formats"). Buffers in the results are
 * views of the frame. A malformed body is 08P01, in the words of PostgreSQL (src/backend/tcop/postgres.c).
 */

import { PgError, sqlstate } from '../base/errors.js';
import { BodyReader } from './body-reader.js';

export interface Parse {
  readonly name: string;
  readonly sql: Buffer;
  readonly parameterTypes: readonly number[];
}

/** A format is 0 for text and 1 for binary. None: all text; one: it holds for all; else one each. */
export interface Bind {
  readonly portal: string;
  readonly statement: string;
  readonly parameterFormats: readonly number[];
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

export type Target = 'statement' | 'portal';

export interface TargetName {
  readonly target: Target;
  readonly name: string;
}

export interface Execute {
  readonly portal: string;
  /** 0 means all rows. */
  readonly maximumRows: number;
}

export interface SaslInitialResponse {
  readonly mechanism: string;
  readonly response: Buffer | null;
}

/** The SQL of a Query. */
export function readQuery(frame: Buffer): Buffer {
  const reader = new BodyReader(frame);
  const sql = reader.readStringBytes();
  reader.expectEnd();
  return sql;
}

export function readParse(frame: Buffer): Parse {
  const reader = new BodyReader(frame);
  const name = reader.readName();
  const sql = reader.readStringBytes();
  const count = reader.readUInt16();
  const parameterTypes: number[] = [];
  for (let index = 0; index < count; index++) parameterTypes.push(reader.readUInt32());
  reader.expectEnd();
  return { name, sql, parameterTypes };
}

export function readBind(frame: Buffer): Bind {
  const reader = new BodyReader(frame);
  const portal = reader.readName();
  const statement = reader.readName();
  const parameterFormats = readFormats(reader);
  const count = reader.readUInt16();
  if (parameterFormats.length > 1 && parameterFormats.length !== count) {
    throw new PgError(
      sqlstate.protocolViolation,
      `bind message has ${parameterFormats.length} parameter formats but ${count} parameters`,
    );
  }
  const parameters: (Buffer | null)[] = [];
  for (let index = 0; index < count; index++) {
    const length = reader.readInt32();
    parameters.push(length === -1 ? null : reader.readBytes(length));
  }
  const resultFormats = readFormats(reader);
  reader.expectEnd();
  return { portal, statement, parameterFormats, parameters, resultFormats };
}

function readFormats(reader: BodyReader): number[] {
  const count = reader.readUInt16();
  const formats: number[] = [];
  for (let index = 0; index < count; index++) {
    const format = reader.readInt16();
    if (format !== 0 && format !== 1) {
      throw new PgError(sqlstate.invalidParameterValue, `unsupported format code: ${format}`);
    }
    formats.push(format);
  }
  return formats;
}

export function readDescribe(frame: Buffer): TargetName {
  return readTargetName(frame, 'DESCRIBE');
}

export function readClose(frame: Buffer): TargetName {
  return readTargetName(frame, 'CLOSE');
}

function readTargetName(frame: Buffer, message: string): TargetName {
  const reader = new BodyReader(frame);
  const subtype = reader.readByte();
  const name = reader.readName();
  reader.expectEnd();
  if (subtype === 0x53) return { target: 'statement', name };
  if (subtype === 0x50) return { target: 'portal', name };
  throw new PgError(sqlstate.protocolViolation, `invalid ${message} message subtype ${subtype}`);
}

export function readExecute(frame: Buffer): Execute {
  const reader = new BodyReader(frame);
  const portal = reader.readName();
  const maximumRows = reader.readInt32();
  reader.expectEnd();
  return { portal, maximumRows: Math.max(0, maximumRows) };
}

/** The bytes that a CopyData carries; a row of COPY may begin and end anywhere in them. */
export function readCopyData(frame: Buffer): Buffer {
  return new BodyReader(frame).readRest();
}

/** Why the client gave its COPY up. */
export function readCopyFail(frame: Buffer): string {
  const reader = new BodyReader(frame);
  const reason = reader.readString();
  reader.expectEnd();
  return reason;
}

/** Sync, Flush, CopyDone, Terminate: there must be nothing in them. */
export function readEmpty(frame: Buffer): void {
  new BodyReader(frame).expectEnd();
}

/** The bytes of a password, or of an md5 answer (auth.c, recv_password_packet). */
export function readPassword(frame: Buffer): Buffer {
  const reader = new BodyReader(frame);
  const nul = frame.indexOf(0, frame.length - reader.remainingBytes);
  if (nul !== frame.length - 1) throw new PgError(sqlstate.protocolViolation, 'invalid password packet size');
  return reader.readStringBytes();
}

export function readSaslInitialResponse(frame: Buffer): SaslInitialResponse {
  const reader = new BodyReader(frame);
  const mechanism = reader.readString();
  const length = reader.readInt32();
  const response = length === -1 ? null : reader.readBytes(length);
  reader.expectEnd();
  return { mechanism, response };
}

export function readSaslResponse(frame: Buffer): Buffer {
  return new BodyReader(frame).readRest();
}
