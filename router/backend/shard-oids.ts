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
  if (!describesTypes(frame[0])) return;
  const start = frameHeaderBytes + COUNT_BYTES;
  if (frame.length < start) throw endsEarly();
  const count = frame.readUInt16BE(frameHeaderBytes);
  if (frame[0] === backendType.rowDescription) replaceInFields(frame, start, count, oids);
  else replaceInParameters(frame, start, count, oids);
}

function replaceInFields(frame: Buffer, start: number, count: number, oids: OidMap): void {
  let position = start;
  for (let left = count; left > 0; left -= 1) {
    const end = frame.indexOf(0, position);
    const table = end + 1;
    if (end < 0 || table + FIELD_BYTES > frame.length) throw endsEarly();
    frame.writeUInt32BE(oids.relationToHome(frame.readUInt32BE(table)), table);
    const type = table + TYPE_OFFSET;
    frame.writeUInt32BE(oids.typeToHome(frame.readUInt32BE(type)), type);
    position = table + FIELD_BYTES;
  }
}

function replaceInParameters(frame: Buffer, start: number, count: number, oids: OidMap): void {
  if (start + count * OID_BYTES > frame.length) throw endsEarly();
  for (let position = start; position < start + count * OID_BYTES; position += OID_BYTES) {
    frame.writeUInt32BE(oids.typeToHome(frame.readUInt32BE(position)), position);
  }
}

function endsEarly(): PgError {
  return new PgError(sqlstate.protocolViolation, 'a server sent a description that ends early');
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
