/** The stars of a select list, where FROM has got an item more that they must not show. */

import type { Node, SelectStmt } from 'libpg-query';

import { quoteIdentifier } from '../../catalog/schema.js';
import type { Edit } from '../parse/splice.js';
import type { Qualifier, Scope } from './query.js';
import type { StatementText } from '../tree/text.js';
import { isStar, nameParts } from '../tree/tree.js';

export interface Star {
  readonly node: Node;
  /** Whose columns it shows. */
  readonly qualifiers: readonly Qualifier[];
  /** Puts `a.*, b.*` where `*` was. */
  readonly edits: readonly Edit[];
}

/** Undefined where a star's columns are not those of the qualifiers one after the other. */
export function starsOf(select: SelectStmt, scope: Scope, text: StatementText): readonly Star[] | undefined {
  const stars: Star[] = [];
  for (const node of select.targetList ?? []) {
    const value = 'ResTarget' in node ? node.ResTarget.val : undefined;
    if (value === undefined || !('ColumnRef' in value) || !isStar(value.ColumnRef)) continue;
    const { fields = [], location = 0 } = value.ColumnRef;
    if (fields.length > 2) return undefined;
    const [alias] = nameParts(fields);
    if (alias !== undefined) {
      const qualifier = scope.qualifiers.find((each) => each.alias === alias);
      if (qualifier === undefined) return undefined;
      stars.push({ node: value, qualifiers: [qualifier], edits: [] });
      continue;
    }
    // USING shows a column once that two qualifiers have.
    const all = scope.qualifiers.flatMap((qualifier) => qualifier.columns);
    const isPlain = all.length === scope.columns.length && all.every((column, at) => column === scope.columns[at]);
    if (!isPlain || scope.qualifiers.some((qualifier) => qualifier.open || qualifier.alias === undefined))
      return undefined;
    const list = scope.qualifiers.map((qualifier) => `${quoteIdentifier(qualifier.alias ?? '')}.*`).join(', ');
    const end = text.endOf(text.tokenIndexAt(location));
    stars.push({ node: value, qualifiers: scope.qualifiers, edits: [{ start: location, end, pieces: [list] }] });
  }
  return stars;
}
