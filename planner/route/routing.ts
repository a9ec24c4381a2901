/** From pinned keys to a Routing. */

import type { Relation } from '../../catalog/schema.js';
import { isIntegerType, keyFamily } from '../postgres/key-family.js';
import { typeOid } from '../../catalog/type-oid.js';
import type { Occurrence } from './pins.js';
import { keyAlternatives } from './pins.js';
import type { KeySource, Routing, ValueSource } from '../plan/plan.js';
import type { StatementText } from '../tree/text.js';

/** The columns of a sharded relation's key. */
export function keyColumns(relation: Relation | undefined): Relation['columns'] {
  if (relation?.placement.kind !== 'sharded') return [];
  const { key } = relation.placement;
  return key.flatMap((name) => relation.columns.filter((column) => column.name === name));
}

/**
 * The types that values are read in: an integer literal may be too large for the column that it is compared with, and
 * one value may be compared with columns of several widths, so integers are then read as int8, whose hash agrees.
 */
function comparedTypes(
  relations: readonly (Relation | undefined)[],
  sources: readonly KeySource[],
  text: StatementText,
): number[] {
  return keyColumns(relations[0]).map((column, index) => {
    const type = column.baseTypeOid;
    if (!isIntegerType(type)) return keyFamily(type) === typeOid.text ? typeOid.text : type;
    const isMixed = relations.some((relation) => keyColumns(relation)[index]?.baseTypeOid !== type);
    const isLiteral = sources.some((source) => {
      const value = source.kind === 'tuple' ? source.values[index] : source.array;
      return value?.kind === 'slot' && (text.slotKind(value.slot) === 'integer' || source.kind === 'elements');
    });
    return isLiteral || isMixed ? typeOid.int8 : type;
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

/** Whether the keys of both are hashed alike, so that equal keys have one owner. */
export function sameFamilies(left: Relation | undefined, right: Relation | undefined): boolean {
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
  const keyTypes = comparedTypes(
    sharded.map(({ entry }) => entry.relation),
    [chosen],
    text,
  );
  return { kind: 'byKey', keyTypes, alternatives: [[chosen]] };
}

/** Where the rows are: on the owners of every list of alternatives of any anchor (planner/route/distribution.ts). */
export function scatterRouting(anchors: readonly Occurrence[], text: StatementText): Routing {
  for (const anchor of anchors) {
    const alternatives = keyAlternatives(anchor);
    if (alternatives.length === 0) continue;
    const keyTypes = comparedTypes([anchor.entry.relation], alternatives.flat(), text);
    return {
      kind: 'byKey',
      keyTypes: keyTypes.map((type) => (isIntegerType(type) ? typeOid.int8 : type)),
      alternatives,
    };
  }
  return { kind: 'all' };
}
