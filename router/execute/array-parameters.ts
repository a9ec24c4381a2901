/**
 * Few rows as parameters: one array a column, in the binary form of array_send(), whose elements are byte for byte the
 * values of DataRow messages in binary. `unnest` makes rows of them again, in a subquery: outside of it they have the
 * relation's own types, modifiers and (implicit) collations.
 */

import { present } from '../../base/assert.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import type { Shipment } from '../../planner/plan/plan.js';
import type { RowRun } from '../backend/row-run.js';
import { frameEnd } from '../merge/stream.js';

/**
 * Built-in scalar types whose values hold no oids of users' objects and have a binary form (pg_type.dat). Arrays are not
 * among them: unnest() would take them apart; nor composite types, of which it makes several columns.
 */
const elementTypes: ReadonlySet<number> = new Set([
  // bool, bytea, "char", name, int8, int2, int4, text, oid, json, xml, cidr, float4, float8
  16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 142, 650, 700, 701,
  // macaddr8, money, macaddr, inet, bpchar, varchar, date, time, timestamp, timestamptz, interval, timetz, numeric
  774, 790, 829, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1266, 1700,
  // uuid, jsonb, xid8, pg_lsn, tsvector, tsquery, jsonpath, pg_snapshot, bit, varbit
  2950, 3802, 5069, 3220, 3614, 3615, 4072, 5038, 1560, 1562,
  // point, lseg, path, box, polygon, line, circle
  600, 601, 602, 603, 604, 628, 718,
  // int4range, numrange, tsrange, tstzrange, daterange, int8range, and their multiranges
  3904, 3906, 3908, 3910, 3912, 3926, 4451, 4532, 4533, 4534, 4535, 4536,
]);

/** Dimensions, flags, element type, length and lower bound. */
const ARRAY_HEADER_BYTES = 20;
const EMPTY_ARRAY_BYTES = 12;
/** Of a DataRow: type, length, and the number of its columns. */
const ROW_HEADER_BYTES = 7;
/** Bind counts its parameters in 16 bits. */
const MAXIMUM_PARAMETERS = 65_535;

/** Whether values of the type can be elements of an array exactly, as they come in binary. */
export function isArrayElement(typeOid: number): boolean {
  return elementTypes.has(typeOid);
}

/** True when each column's values can be the elements of an array exactly. */
export function fitsArrays(shipment: Shipment, parametersBefore: number): boolean {
  const { types } = shipment;
  return (
    types.every((type) => elementTypes.has(type.baseTypeOid)) && parametersBefore + types.length <= MAXIMUM_PARAMETERS
  );
}

/** The relation as a subquery over the parameters from `$first` on. */
export function arrayRelation(shipment: Shipment, first: number): string {
  const { types } = shipment;
  const arrays = types.map(({ typeName }, index) => `pg_catalog.unnest($${first + index}::${typeName}[])`);
  const columns = types.map(({ typeName, collation }, index) => {
    const name = present(shipment.columns[index], 'every type has a column');
    return `c${index}::${typeName}${collation === undefined ? '' : ` COLLATE ${collation}`} AS ${name}`;
  });
  const names = types.map((_type, index) => quoteIdentifier(`c${index}`));
  return `(SELECT ${columns.join(', ')} FROM ROWS FROM (${arrays.join(', ')}) AS pgring_shipped (${names.join(', ')}))`;
}

/** One binary array a column, of rows that came in binary. */
export function encodeArrays(
  shipment: { readonly types: readonly { readonly typeOid: number }[] },
  runs: readonly RowRun[],
): readonly Buffer[] {
  const { types } = shipment;
  const sizes = types.map(() => 0);
  const hasNull = types.map(() => false);
  let rows = 0;
  forEachValue(runs, types.length, (column, bytes, start, end) => {
    sizes[column] = (sizes[column] ?? 0) + end - start;
    if (bytes.readInt32BE(start) < 0) hasNull[column] = true;
    if (column === 0) rows += 1;
  });
  if (rows === 0) return types.map(({ typeOid }) => emptyArray(typeOid));
  const ends = types.map(() => ARRAY_HEADER_BYTES);
  const arrays = types.map((type, column) => {
    const array = Buffer.allocUnsafe(ARRAY_HEADER_BYTES + (sizes[column] ?? 0));
    array.writeInt32BE(1, 0);
    array.writeInt32BE(hasNull[column] === true ? 1 : 0, 4);
    array.writeUInt32BE(type.typeOid, 8);
    array.writeInt32BE(rows, 12);
    array.writeInt32BE(1, 16);
    return array;
  });
  forEachValue(runs, types.length, (column, bytes, start, end) => {
    const at = present(ends[column], 'a column of the shipment');
    bytes.copy(present(arrays[column], 'a column of the shipment'), at, start, end);
    ends[column] = at + end - start;
  });
  return arrays;
}

/** Visits each value with its length word in front, row by row. */
function forEachValue(
  runs: readonly RowRun[],
  columns: number,
  visit: (column: number, bytes: Buffer, start: number, end: number) => void,
): void {
  for (const { bytes, start, end } of runs) {
    for (let row = start; row < end; row = frameEnd(bytes, row)) {
      let at = row + ROW_HEADER_BYTES;
      for (let column = 0; column < columns; column++) {
        const next = at + 4 + Math.max(0, bytes.readInt32BE(at));
        visit(column, bytes, at, next);
        at = next;
      }
    }
  }
}

function emptyArray(element: number): Buffer {
  const array = Buffer.alloc(EMPTY_ARRAY_BYTES);
  array.writeUInt32BE(element, 8);
  return array;
}
