/**
 * Families of key types: within one, equal values hash alike, so a row of one table is found by a key of another's
 * type.
 */

import type { Column } from '../../catalog/schema.js';
import { typeOid } from '../../catalog/type-oid.js';

/** Types whose hash is the same on every server, so that a row's owner can be told from its value alone. */
const hashable: ReadonlySet<number> = new Set([
  typeOid.bool,
  typeOid.bytea,
  typeOid.name,
  typeOid.int8,
  typeOid.int2,
  typeOid.int4,
  typeOid.text,
  typeOid.oid,
  typeOid.bpchar,
  typeOid.varchar,
  typeOid.date,
  typeOid.time,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.numeric,
  typeOid.uuid,
  typeOid.float4,
  typeOid.float8,
  typeOid.timetz,
  typeOid.interval,
  typeOid.inet,
  typeOid.cidr,
  typeOid.macaddr,
  typeOid.macaddr8,
]);

export function isHashable(baseTypeOid: number): boolean {
  return hashable.has(baseTypeOid);
}

/** The family of a base type, named by one member; undefined for types that are no keys. */
export function keyFamily(baseTypeOid: number): number | undefined {
  if (!hashable.has(baseTypeOid)) return undefined;
  switch (baseTypeOid) {
    case typeOid.int2:
    case typeOid.int4:
      return typeOid.int8;
    case typeOid.varchar:
      return typeOid.text;
    default:
      return baseTypeOid;
  }
}

export function isIntegerType(oid: number): boolean {
  return oid === typeOid.int2 || oid === typeOid.int4 || oid === typeOid.int8;
}

/** Base types by the names that SQL and the grammar give them, for statements that declare columns and casts. */
const typesByName: Readonly<Record<string, number>> = {
  bool: typeOid.bool,
  boolean: typeOid.bool,
  bytea: typeOid.bytea,
  name: typeOid.name,
  int8: typeOid.int8,
  bigint: typeOid.int8,
  bigserial: typeOid.int8,
  serial8: typeOid.int8,
  int2: typeOid.int2,
  smallint: typeOid.int2,
  smallserial: typeOid.int2,
  serial2: typeOid.int2,
  int4: typeOid.int4,
  integer: typeOid.int4,
  int: typeOid.int4,
  serial: typeOid.int4,
  serial4: typeOid.int4,
  text: typeOid.text,
  oid: typeOid.oid,
  json: typeOid.json,
  xml: typeOid.xml,
  float4: typeOid.float4,
  real: typeOid.float4,
  float8: typeOid.float8,
  money: typeOid.money,
  cidr: typeOid.cidr,
  macaddr8: typeOid.macaddr8,
  macaddr: typeOid.macaddr,
  inet: typeOid.inet,
  bpchar: typeOid.bpchar,
  varchar: typeOid.varchar,
  date: typeOid.date,
  time: typeOid.time,
  timestamp: typeOid.timestamp,
  timestamptz: typeOid.timestamptz,
  interval: typeOid.interval,
  timetz: typeOid.timetz,
  numeric: typeOid.numeric,
  decimal: typeOid.numeric,
  uuid: typeOid.uuid,
  jsonb: typeOid.jsonb,
};

/** The oid of a built-in type of that name; undefined for any other. */
export function builtinType(schema: string | undefined, name: string): number | undefined {
  if (schema !== undefined && schema !== 'pg_catalog') return undefined;
  return Object.hasOwn(typesByName, name) ? typesByName[name] : undefined;
}

const namesOfTypes: ReadonlyMap<number, string> = new Map(
  Object.entries(typeOid).map(([name, oid]) => [oid, name === 'char' ? '"char"' : name]),
);

/** How SQL writes a built-in type, qualified so that nothing on the search path hides it. */
export function builtinTypeName(oid: number): string | undefined {
  const name = namesOfTypes.get(oid);
  return name === undefined ? undefined : `pg_catalog.${name}`;
}

/** A modifier that the planner does not know: only values that every modifier keeps have a known hash. */
const UNKNOWN_MODIFIER = -2;

/** The modifier by which a column changes what is stored in it; that of a domain is the domain's own. */
export function storedModifier(column: Column): number {
  return column.typeOid === column.baseTypeOid ? column.typeModifier : UNKNOWN_MODIFIER;
}
