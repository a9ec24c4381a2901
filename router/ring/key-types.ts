/** Which types can be shard keys, and which of them co-locate. */

import { typeOid } from '../../catalog/type-oid.js';

/** How the values of a type are read and hashed: the names of PostgreSQL's own input functions, so to say. */
export type KeyKind = Exclude<keyof typeof typeOid, 'char' | 'unknown' | 'json' | 'jsonb' | 'xml' | 'money'>;

export interface KeyType {
  readonly oid: number;
  readonly kind: KeyKind;
  /** As format_type() prints it, and as PostgreSQL's messages name it. */
  readonly name: string;
  /** Equal values of types of one family have equal hashes, so tables sharded on them co-locate. */
  readonly family: string;
  /**
   * The hash function in SQL, on all of PostgreSQL 15 to 18; undefined where its name differs between them (date,
   * bytea and timestamptz got functions of their own after 15) and hash_record_extended has to find it.
   */
  readonly hashFunction: string | undefined;
}

function keyType(kind: KeyKind, name: string, family: string, hashFunction: string | undefined): [number, KeyType] {
  const oid = typeOid[kind];
  return [oid, Object.freeze({ oid, kind, name, family, hashFunction })];
}

const keyTypes: ReadonlyMap<number, KeyType> = new Map([
  keyType('int2', 'smallint', 'integer', 'hashint2extended'),
  keyType('int4', 'integer', 'integer', 'hashint4extended'),
  keyType('int8', 'bigint', 'integer', 'hashint8extended'),
  keyType('oid', 'oid', 'oid', 'hashoidextended'),
  keyType('text', 'text', 'text', 'hashtextextended'),
  keyType('varchar', 'character varying', 'text', 'hashtextextended'),
  keyType('name', 'name', 'text', 'hashnameextended'),
  keyType('bpchar', 'character', 'bpchar', 'hashbpcharextended'),
  keyType('uuid', 'uuid', 'uuid', 'uuid_hash_extended'),
  keyType('bool', 'boolean', 'boolean', undefined),
  keyType('bytea', 'bytea', 'bytea', undefined),
  keyType('date', 'date', 'date', undefined),
  keyType('time', 'time without time zone', 'time', 'time_hash_extended'),
  keyType('timetz', 'time with time zone', 'timetz', 'timetz_hash_extended'),
  keyType('timestamp', 'timestamp without time zone', 'timestamp', 'timestamp_hash_extended'),
  keyType('timestamptz', 'timestamp with time zone', 'timestamptz', undefined),
  keyType('interval', 'interval', 'interval', 'interval_hash_extended'),
  keyType('float4', 'real', 'float', 'hashfloat4extended'),
  keyType('float8', 'double precision', 'float', 'hashfloat8extended'),
  keyType('numeric', 'numeric', 'numeric', 'hash_numeric_extended'),
  keyType('inet', 'inet', 'inet', 'hashinetextended'),
  keyType('cidr', 'cidr', 'inet', 'hashinetextended'),
  keyType('macaddr', 'macaddr', 'macaddr', 'hashmacaddrextended'),
  keyType('macaddr8', 'macaddr8', 'macaddr8', 'hashmacaddr8extended'),
]);

/**
 * The key type of a base type (below any domain), or undefined when a column of it cannot be a shard key. Text keys
 * need a deterministic collation: under another, equal strings have different bytes; the catalog checks that.
 */
export function keyTypeOf(baseTypeOid: number): KeyType | undefined {
  return keyTypes.get(baseTypeOid);
}

/** The hash family of a type; undefined when it cannot be a shard key. */
export function keyFamily(oid: number): string | undefined {
  return keyTypes.get(oid)?.family;
}

/** Built-in types with a reason of their own. */
const reasons: ReadonlyMap<number, string> = new Map([
  [typeOid.char, 'it hashes differently on servers with signed and with unsigned characters (x86 and ARM)'],
  [typeOid.json, 'json values have no equality'],
  [typeOid.xml, 'xml values have no equality'],
  [typeOid.money, 'PostgreSQL has no hash function for money'],
  [1560, 'PostgreSQL has no hash function for bit strings'],
  [1562, 'PostgreSQL has no hash function for bit strings'],
  [3802, 'a jsonb document is hashed over all its parts; shard by one of its members in a column of its own'],
]);

/** The first oid of objects that users create (FirstNormalObjectId, src/include/access/transam.h). */
const firstNormalObjectId = 16384;

/** Why a column of the type cannot be a shard key, for a hint. */
export function explainUnhashable(oid: number, typeName: string): string {
  const reason =
    reasons.get(oid) ??
    (typeName.endsWith('[]')
      ? 'an array has no single value to find a shard by'
      : oid >= firstNormalObjectId
        ? 'the hash of a user-defined type (an enum, a composite or range type, a type of an extension) can differ ' +
          'between servers'
        : 'pgring does not compute its hash');
  return `A column of type ${typeName} cannot be a shard key: ${reason}.`;
}
