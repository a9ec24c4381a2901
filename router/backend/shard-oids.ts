/** Messages with oids in them, between a shard's and the home shard's (catalog/oid-map.ts). */

import type { OidMap } from '../../catalog/oid-map.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { encodeParse } from '../../wire/encode-frontend.js';
import { backendType, frameHeaderBytes } from '../../wire/frame.js';
import { readParse } from '../../wire/frontend.js';

const COUNT_BYTES = 2;
const OID_BYTES = 4;
/** After a field's name: table, column number, type, size, modifier, format (protocol, RowDescription). */
const FIELD_BYTES = 18;
const TYPE_OFFSET = 6;

/** True for the messages in which a server names types. */
export function describesTypes(type: number | undefined): boolean {
  return type === backendType.rowDescription || type === backendType.parameterDescription;
}

/** Replaces, in place, the oids of a RowDescription or ParameterDescription; other messages stay as they are. */
export function describeAsHome(frame: Buffer, oids: OidMap): void {
  try {
    if (frame[0] === backendType.rowDescription) replaceInFields(frame, oids);
    else if (frame[0] === backendType.parameterDescription) replaceInParameters(frame, oids);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PgError(sqlstate.protocolViolation, 'a server sent a description that ends early');
  }
}

function replaceInFields(frame: Buffer, oids: OidMap): void {
  let position = frameHeaderBytes + COUNT_BYTES;
  for (let count = frame.readUInt16BE(frameHeaderBytes); count > 0; count -= 1) {
    const end = frame.indexOf(0, position);
    if (end < 0) throw new RangeError('a name without its end');
    const table = end + 1;
    frame.writeUInt32BE(oids.relationToHome(frame.readUInt32BE(table)), table);
    const type = table + TYPE_OFFSET;
    frame.writeUInt32BE(oids.typeToHome(frame.readUInt32BE(type)), type);
    position = table + FIELD_BYTES;
  }
}

function replaceInParameters(frame: Buffer, oids: OidMap): void {
  let position = frameHeaderBytes + COUNT_BYTES;
  for (let count = frame.readUInt16BE(frameHeaderBytes); count > 0; count -= 1) {
    frame.writeUInt32BE(oids.typeToHome(frame.readUInt32BE(position)), position);
    position += OID_BYTES;
  }
}

/** Parameter types as a shard knows them. */
export function typesForShard(types: readonly number[], oids: OidMap | undefined): readonly number[] {
  return oids === undefined ? types : types.map((type) => oids.typeToShard(type));
}

/** A client's Parse message for a shard: the same one, unless it declares types whose oids differ there. */
export function parseForShard(frame: Buffer, oids: OidMap | undefined): Buffer {
  if (oids === undefined) return frame;
  const { name, sql, parameterTypes } = readParse(frame);
  const types = typesForShard(parameterTypes, oids);
  return types.every((type, index) => type === parameterTypes[index]) ? frame : encodeParse(name, sql, types);
}
