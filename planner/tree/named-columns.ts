/** Which columns a statement names, and which relations have aliases. */

import type { ColumnRef } from 'libpg-query';

import { columnRefParts, isStar, nameParts, selectOf, someNode, walkNodes } from './tree.js';

/** Which relations have an alias of their own, and which have their columns renamed by it: `t AS a (x, y)`. */
export interface Aliased {
  readonly all: ReadonlySet<number>;
  readonly renamed: ReadonlySet<number>;
}

export function aliasedLocations(root: unknown): Aliased {
  const all = new Set<number>();
  const renamed = new Set<number>();
  walkNodes(root, (node) => {
    if ('RangeVar' in node && node.RangeVar.alias !== undefined) {
      const location = node.RangeVar.location ?? 0;
      all.add(location);
      if (node.RangeVar.alias.colnames !== undefined) renamed.add(location);
    }
    return true;
  });
  return { all, renamed };
}

/** The columns that a statement may read, by name alone: what is not named anywhere need not be shipped. */
export class NamedColumns {
  /** Some GROUP BY is there, so a primary key may say which columns depend on the grouped ones. */
  readonly grouped: boolean;
  /** A star, NATURAL JOIN, or an alias of a join, which may rename columns by their places: every column matters. */
  readonly #everything: boolean;
  readonly #names = new Set<string>();
  /** Unqualified names: one that is a relation's alias means its whole row. */
  readonly #unqualified = new Set<string>();

  constructor(root: unknown) {
    this.grouped = someNode(root, (node) => 'SelectStmt' in node && node.SelectStmt.groupClause !== undefined);
    const idle = idleStars(root);
    this.#everything = someNode(
      root,
      (node) =>
        ('JoinExpr' in node && (node.JoinExpr.isNatural === true || node.JoinExpr.alias !== undefined)) ||
        ('ColumnRef' in node && isStar(node.ColumnRef) && !idle.has(node.ColumnRef)),
    );
    walkNodes(root, (node) => {
      if ('ColumnRef' in node) {
        const parts = columnRefParts(node.ColumnRef);
        this.#names.add(parts.at(-1) ?? '');
        if (parts.length === 1) this.#unqualified.add(parts[0] ?? '');
      }
      if ('JoinExpr' in node) for (const name of nameParts(node.JoinExpr.usingClause)) this.#names.add(name);
      return true;
    });
  }

  wants(column: string, aliases: readonly string[]): boolean {
    return this.#everything || this.#names.has(column) || aliases.some((alias) => this.#unqualified.has(alias));
  }
}

/** The stars of `EXISTS (SELECT * …)`, which read no column. */
function idleStars(root: unknown): ReadonlySet<ColumnRef> {
  const stars = new Set<ColumnRef>();
  walkNodes(root, (node) => {
    if (!('SubLink' in node) || node.SubLink.subLinkType !== 'EXISTS_SUBLINK') return true;
    const select = selectOf(node.SubLink.subselect);
    // DISTINCT compares the columns, and may fail on their types.
    if (select?.distinctClause !== undefined) return true;
    for (const target of select?.targetList ?? []) {
      const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
      if (value !== undefined && 'ColumnRef' in value && isStar(value.ColumnRef)) stars.add(value.ColumnRef);
    }
    return true;
  });
  return stars;
}
