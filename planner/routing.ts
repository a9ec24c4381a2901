/** From pinned keys to a Routing. */

import type { Relation } from '../catalog/schema.js';
import { isIntegerType, keyFamily, typeOid } from './key-family.js';
import type { Occurrence } from './pins.js';
import { keyAlternatives } from './pins.js';
import type { KeySource, Routing, ValueSource } from './plan.js';
import type { StatementText } from './text.js';

/** The columns of a sharded relation's key. */
export function keyColumns(relation: Relation | undefined): Relation['columns'] {
  if (relation?.placement.kind !== 'sharded') return [];
  const { key } = relation.placement;
  return key.flatMap((name) => relation.columns.filter((column) => column.name === name));
}

/**
 * The type that values are read in: an integer literal may be too large for the column that it is compared with, so
 * integers are read as int8, whose hash agrees.
 */
function comparedTypes(relation: Relation | undefined, sources: readonly KeySource[], text: StatementText): number[] {
  return keyColumns(relation).map((column, index) => {
    const type = column.baseTypeOid;
    if (!isIntegerType(type)) return keyFamily(type) === typeOid.text ? typeOid.text : type;
    const isLiteral = sources.some((source) => {
      const value = source.kind === 'tuple' ? source.values[index] : source.array;
      return value?.kind === 'slot' && (text.slotKind(value.slot) === 'integer' || source.kind === 'elements');
    });
    return isLiteral ? typeOid.int8 : type;
  });
}

function sameValue(left: ValueSource, right: ValueSource, text: StatementText): boolean {
  if (left.kind === 'parameter') return right.kind === 'parameter' && right.number === left.number;
  if (left.kind !== 'slot' || right.kind !== 'slot') return false;
  if (left.slot === right.slot) return left.negative === right.negative;
  if (left.negative !== right.negative || text.slotKind(left.slot) !== text.slotKind(right.slot)) return false;
  if (text.slotText(left.slot) !== text.slotText(right.slot)) return false;
  text.dependsOnLiterals = true;
  return true;
}

function sameTuple(left: KeySource, right: KeySource, text: StatementText): boolean {
  if (left.kind !== 'tuple' || right.kind !== 'tuple') return false;
  return (
    left.values.length === right.values.length &&
    left.values.every((value, index) => {
      const other = right.values[index];
      return other !== undefined && sameValue(value, other, text);
    })
  );
}

function sameFamilies(left: Relation | undefined, right: Relation | undefined): boolean {
  const lefts = keyColumns(left);
  const rights = keyColumns(right);
  return (
    lefts.length === rights.length &&
    lefts.every((column, index) => {
      const other = rights[index];
      return other !== undefined && keyFamily(column.baseTypeOid) === keyFamily(other.baseTypeOid);
    })
  );
}

/** The single keys that an occurrence's alternatives name. */
function tuplesOf(occurrence: Occurrence): KeySource[] {
  return keyAlternatives(occurrence).flatMap((list) => {
    const only = list.length === 1 ? list[0] : undefined;
    return only?.kind === 'tuple' ? [only] : [];
  });
}

/** The one key that all occurrences are pinned to, if there is one. */
export function pinnedRouting(sharded: readonly Occurrence[], text: StatementText): Routing | undefined {
  const [first, ...others] = sharded;
  if (first === undefined) return undefined;
  const chosen = tuplesOf(first).find((tuple) =>
    others.every(
      (other) =>
        sameFamilies(first.entry.relation, other.entry.relation) &&
        tuplesOf(other).some((candidate) => sameTuple(tuple, candidate, text)),
    ),
  );
  if (chosen === undefined) return undefined;
  const keyTypes = comparedTypes(widestRelation(sharded), [chosen], text);
  return { kind: 'byKey', keyTypes, alternatives: [[chosen]] };
}

/** Of tables whose integer keys differ in width, one with the widest. */
function widestRelation(sharded: readonly Occurrence[]): Relation | undefined {
  const wide = sharded.find(({ entry }) =>
    keyColumns(entry.relation).some((column) => column.baseTypeOid === typeOid.int8),
  );
  return (wide ?? sharded[0])?.entry.relation;
}

/** Where the rows of co-located occurrences may be: on the owners of every list of alternatives of the first. */
export function scatterRouting(anchor: Occurrence, text: StatementText): Routing {
  const alternatives = keyAlternatives(anchor);
  if (alternatives.length === 0) return { kind: 'all' };
  return { kind: 'byKey', keyTypes: comparedTypes(anchor.entry.relation, alternatives.flat(), text), alternatives };
}
