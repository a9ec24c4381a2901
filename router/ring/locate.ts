/**
 * A Routing with its values → the shards.
 *
 * A key of several columns chains the seed: h(b, h(a, 0)). A NULL column contributes nothing: the seed passes through
 * it, so a key that is all NULL has the hash 0 and such rows live together, as in PostgreSQL's hash partitioning.
 */

import { assert, unreachable } from '../../base/assert.js';
import { PgError, refuse, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import type { KeySource, Routing, ValueSource } from '../../planner/plan/plan.js';
import { arrayTypeOf, elementTypeOf, parseArray, readArray } from './array-elements.js';
import type { BoundValue, BoundValues } from './bound-value.js';
import type { Hash64 } from './hash-bytes.js';
import { hashCompared, hashStored, valueType, type ComparedOutcome, type PresentValue } from './key-conversion.js';
import { explainUnhashable, keyTypeOf, type KeyType } from './key-types.js';
import { noModifier, unknownModifier } from './modifier.js';
import type { ShardMap } from './shard-map.js';

export type LocateResult =
  /** In ascending order, each once. */
  | { readonly kind: 'shards'; readonly shards: readonly ShardId[] }
  /** A server must first normalise these values: cast them to the key's type, as text, and bind them as that type. */
  | { readonly kind: 'undecided'; readonly sources: readonly UndecidedSource[] };

/** A value, and the type that it is to be read as when it has none of its own (of an array: the array's). */
export interface UndecidedSource {
  readonly source: ValueSource;
  readonly typeOid: number;
  /** Of a value to be stored: the modifier that it is to be stored by. */
  readonly typeModifier: number;
}

const noShards: LocateResult = Object.freeze({ kind: 'shards', shards: Object.freeze([]) });

/** The one hash that is being computed: locating is synchronous. */
const hash: Hash64 = { high: 0, low: 0 };

function requireKeyType(oid: number): KeyType {
  const type = keyTypeOf(oid);
  if (type === undefined) throw refuse('a shard key of this type', explainUnhashable(oid, `with oid ${oid}`));
  return type;
}

function describeValue(value: PresentValue): string {
  return value.kind === 'text' ? value.bytes.toString('utf8') : `\\x${value.bytes.toString('hex')}`;
}

/** The error that PostgreSQL's input or receive function raises. */
function inputError(outcome: 'malformed' | 'outOfRange', type: KeyType, value: PresentValue): PgError {
  if (outcome === 'outOfRange') {
    return new PgError(
      sqlstate.numericValueOutOfRange,
      `value "${describeValue(value)}" is out of range for type ${type.name}`,
    );
  }
  return value.kind === 'text'
    ? new PgError(
        sqlstate.invalidTextRepresentation,
        `invalid input syntax for type ${type.name}: "${describeValue(value)}"`,
      )
    : new PgError(sqlstate.invalidBinaryRepresentation, `incorrect binary data format for type ${type.name}`);
}

/** Turns the outcomes that are errors of the statement into PostgreSQL's. */
function checkOutcome(
  outcome: ComparedOutcome,
  key: KeyType,
  value: PresentValue,
): Exclude<ComparedOutcome, 'malformed' | 'outOfRange' | 'incomparable'> {
  if (outcome === 'malformed' || outcome === 'outOfRange') {
    throw inputError(outcome, valueType(key, value) ?? key, value);
  }
  if (outcome === 'incomparable') {
    const other = keyTypeOf(value.typeOid)?.name ?? `with oid ${value.typeOid}`;
    throw refuse(
      `finding the shard of a key of type ${key.name} by a value of type ${other}`,
      `Cast the value to ${key.name}.`,
    );
  }
  return outcome;
}

/** Collects owners and undecided values of one list of alternatives. */
class Alternatives {
  readonly owners = new Set<ShardId>();
  readonly #map: ShardMap;
  readonly #undecided: UndecidedSource[];

  constructor(map: ShardMap, undecided: UndecidedSource[]) {
    this.#map = map;
    this.#undecided = undecided;
  }

  addTuple(keyTypes: readonly KeyType[], sources: readonly ValueSource[], values: BoundValues): void {
    assert(sources.length === keyTypes.length, 'a key has one value for each of its columns');
    hash.high = 0;
    hash.low = 0;
    let decided = true;
    let matches = true;
    sources.forEach((source, column) => {
      const value = values.value(source);
      // Equality with NULL is never true.
      if (value.kind === 'null') {
        matches = false;
        return;
      }
      const key = keyTypes[column] as KeyType;
      const outcome = checkOutcome(hashCompared(key, value, hash), key, value);
      if (outcome === 'noMatch') matches = false;
      if (outcome === 'undecided') {
        decided = false;
        this.#undecided.push({ source, typeOid: key.oid, typeModifier: noModifier });
      }
    });
    if (decided && matches) this.owners.add(this.#map.ownerOfHash(hash.high));
  }

  addElements(key: KeyType, source: ValueSource, values: BoundValues): void {
    const array = values.value(source);
    if (array.kind === 'null') return;
    const elements = elementsOf(array, key);
    if (elements === undefined || !elements.every((element) => this.#addElement(key, element))) {
      this.#undecided.push({ source, typeOid: arrayTypeOf(key.oid), typeModifier: noModifier });
    }
  }

  #addElement(key: KeyType, element: BoundValue): boolean {
    if (element.kind === 'null') return true;
    hash.high = 0;
    hash.low = 0;
    const outcome = checkOutcome(hashCompared(key, element, hash), key, element);
    if (outcome === 'hashed') this.owners.add(this.#map.ownerOfHash(hash.high));
    return outcome !== 'undecided';
  }
}

/** The elements of an array value; undefined when a server has to read it. */
function elementsOf(array: PresentValue, key: KeyType): BoundValue[] | undefined {
  if (array.kind === 'binary') {
    const read = readArray(array.bytes);
    if (read === undefined) throw inputError('malformed', key, array);
    return read.elements.map((bytes) =>
      bytes === null ? { kind: 'null' } : { kind: 'binary', bytes, typeOid: read.elementType },
    );
  }
  const typeOid = elementTypeOf(array.typeOid);
  if (typeOid === undefined) checkOutcome('incomparable', key, array);
  return parseArray(array.bytes)?.map((bytes) =>
    bytes === null ? { kind: 'null' } : { kind: 'text', bytes, typeOid: typeOid ?? 0 },
  );
}

function addSource(
  alternatives: Alternatives,
  keyTypes: readonly KeyType[],
  source: KeySource,
  values: BoundValues,
): void {
  switch (source.kind) {
    case 'tuple':
      alternatives.addTuple(keyTypes, source.values, values);
      return;
    case 'elements': {
      const [key] = keyTypes;
      assert(key !== undefined && keyTypes.length === 1, 'an array holds keys of one column');
      alternatives.addElements(key, source.array, values);
      return;
    }
    default:
      unreachable(source, 'a key source');
  }
}

function locateByKey(routing: Extract<Routing, { kind: 'byKey' }>, values: BoundValues, map: ShardMap): LocateResult {
  const [first] = routing.alternatives;
  assert(first !== undefined, 'a routing by key has at least one condition');
  const keyTypes = routing.keyTypes.map(requireKeyType);
  const undecided: UndecidedSource[] = [];
  let owners: ShardId[] | undefined;
  // All conditions are looked at, so that a malformed value is an error even beside a contradiction.
  for (const condition of routing.alternatives) {
    const alternatives = new Alternatives(map, undecided);
    for (const source of condition) addSource(alternatives, keyTypes, source, values);
    owners = owners === undefined ? [...alternatives.owners] : owners.filter((shard) => alternatives.owners.has(shard));
  }
  if (undecided.length > 0) return { kind: 'undecided', sources: undecided };
  return { kind: 'shards', shards: (owners ?? []).sort((left, right) => left - right) };
}

/**
 * The shards that a statement's rows are on. `any` gives the home shard; a caller that prefers another (one that its
 * transaction has opened already) asks no locate.
 *
 * Throws 22P02, 22P03 or 22003 as PostgreSQL would for a value that its type refuses, and 0A000 for a value whose type
 * compares with the key otherwise than by the key's hash.
 */
export function locate(routing: Routing, values: BoundValues, map: ShardMap, home: ShardId): LocateResult {
  switch (routing.kind) {
    case 'byKey':
      return locateByKey(routing, values, map);
    case 'all':
      return { kind: 'shards', shards: map.shards };
    case 'any':
    case 'home':
      return { kind: 'shards', shards: [home] };
    case 'byRow':
      return ownerOfKey(routing.keyTypes, routing.key, values, map, routing.keyModifiers);
    case 'none':
      return noShards;
    default:
      return unreachable(routing, 'a routing');
  }
}

/**
 * Hashes a row's key as it will be stored, into `into` (the seed 0), and returns the columns (from 0) that a server has
 * to normalise first: none when the hash is complete. `modifiers` are those of the columns (of the domain, for a
 * domain); without them, a value that any modifier of its type could alter is undecided.
 */
export function hashRow(
  keyTypes: readonly number[],
  values: readonly BoundValue[],
  into: Hash64,
  modifiers?: readonly number[],
): readonly number[] {
  assert(values.length === keyTypes.length, 'a key has one value for each of its columns');
  let undecided: number[] | undefined;
  for (let column = 0; column < values.length; column++) {
    const value = values[column] as BoundValue;
    if (value.kind === 'null') continue;
    const key = requireKeyType(keyTypes[column] as number);
    const modifier = modifiers?.[column] ?? unknownModifier;
    const outcome = checkOutcome(hashStored(key, modifier, value, into), key, value);
    if (outcome === 'undecided') (undecided ??= []).push(column);
  }
  return undecided ?? noColumns;
}

const noColumns: readonly number[] = Object.freeze([]);

/** The one shard that a row with this key belongs to, NULLs allowed; else the values that a server must normalise. */
export function ownerOfKey(
  keyTypes: readonly number[],
  sources: readonly ValueSource[],
  values: BoundValues,
  map: ShardMap,
  modifiers?: readonly number[],
): LocateResult {
  hash.high = 0;
  hash.low = 0;
  const bound = sources.map((source) => values.value(source));
  // What was computed has been cast to the column's type already.
  const stored = modifiers?.map((modifier, column) => (sources[column]?.kind === 'computed' ? noModifier : modifier));
  const undecided = hashRow(keyTypes, bound, hash, stored);
  if (undecided.length > 0) {
    return {
      kind: 'undecided',
      sources: undecided.map((column) => ({
        source: sources[column] as ValueSource,
        typeOid: keyTypes[column] as number,
        typeModifier: stored?.[column] ?? noModifier,
      })),
    };
  }
  return { kind: 'shards', shards: [map.ownerOfHash(hash.high)] };
}
