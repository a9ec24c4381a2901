/** Where the clauses of one query level are in the text: a statement's own, a subquery's, an arm's of a set operation. */

import type { SelectStmt } from 'libpg-query';

import { isDirection, isKeyword, itemsBetween, type Extent } from './select-text.js';
import type { StatementText } from './text.js';
import { leftmostLocation } from './tree.js';

export interface LevelText {
  /** From the word SELECT to the last clause. */
  readonly whole: Extent;
  /** The target list's items without their labels. */
  readonly targets: readonly Extent[];
  /** The same with their labels. */
  readonly labelled: readonly Extent[];
  /** The items of FROM. */
  readonly from: Extent;
  /** WHERE and its condition. */
  readonly where: Extent | undefined;
  /** The items of GROUP BY. */
  readonly groups: readonly Extent[];
  /** The expressions of ORDER BY, without direction. */
  readonly order: readonly Extent[];
  /** ASC, NULLS FIRST and so on behind each of them. */
  readonly directions: readonly Extent[];
  /** The values of LIMIT or FETCH, and of OFFSET; undefined where they are not there. */
  readonly limit: Extent | undefined;
  readonly offset: Extent | undefined;
}

interface Clause {
  readonly word: string;
  /** Its first token, and the one after its last. */
  readonly first: number;
  readonly end: number;
}

const clauseWords: ReadonlySet<string> = new Set(
  'from where group having window order limit offset fetch for union intersect except returning )'.split(' '),
);

/** ON CONFLICT, behind the query of an INSERT; a join has another ON. */
function isConflict(index: number, text: StatementText): boolean {
  return (
    text.word(index) === 'on' && text.word(index + 1) === 'conflict' && ['(', 'on', 'do'].includes(text.word(index + 2))
  );
}

const foreignWords: ReadonlySet<string> = new Set(['union', 'intersect', 'except', 'returning', 'on', ')']);

/** Clauses that belong to a set operation around, where the level has none of its own, or to an INSERT. */
function isForeign(word: string, select: SelectStmt): boolean {
  switch (word) {
    case 'order':
      return select.sortClause === undefined;
    case 'limit':
    case 'fetch':
      return select.limitCount === undefined;
    case 'offset':
      return select.limitOffset === undefined;
    case 'for':
      return select.lockingClause === undefined;
    default:
      return foreignWords.has(word);
  }
}

function clausesFrom(first: number, select: SelectStmt, text: StatementText): Clause[] {
  const isStart = (word: string, index: number): boolean =>
    isConflict(index, text) ||
    (clauseWords.has(word) &&
      isKeyword(text, index) &&
      text.word(index - 1) !== 'distinct' &&
      text.word(index - 1) !== 'within');
  const clauses: Clause[] = [];
  let at = text.findTopLevel(first, isStart);
  while (at < text.tokens().length && !isForeign(text.word(at), select)) {
    const end = text.findTopLevel(at + 1, isStart);
    clauses.push({ word: text.word(at), first: at, end });
    at = end;
  }
  return clauses;
}

/** The word SELECT before the first target. */
function selectBefore(target: number, text: StatementText): number {
  let depth = 0;
  for (let index = target - 1; index >= 0; index -= 1) {
    const word = text.word(index);
    if (word === ')') depth += 1;
    else if (word === '(') depth -= 1;
    else if (word === 'select' && depth === 0) return index;
  }
  return -1;
}

/** Undefined for a level that is not written as SELECT … FROM …. */
export function levelText(select: SelectStmt, text: StatementText): LevelText | undefined {
  const firstTarget = leftmostLocation(select.targetList);
  if (firstTarget === undefined) return undefined;
  const first = text.tokenIndexAt(firstTarget);
  const start = selectBefore(first, text);
  const clauses = clausesFrom(first, select, text);
  const [from] = clauses;
  if (from?.word !== 'from' || start < 0) return undefined;
  const extent = (begin: number, end: number): Extent => ({ start: text.startOf(begin), end: text.endOf(end - 1) });
  const find = (...words: string[]): Clause | undefined => clauses.find(({ word }) => words.includes(word));
  const labels = (select.targetList ?? []).map((node) => 'ResTarget' in node && node.ResTarget.name !== undefined);
  const items = itemsBetween(text, first, from.first);
  const where = find('where');
  const group = find('group');
  const order = find('order');
  const sorts =
    order === undefined
      ? []
      : itemsBetween(text, order.first + 2, order.end).map((item) => {
          const cut = text.findTopLevel(item.first, (_, index) => index > item.last || isDirection(text, index));
          return { ...item, cut: Math.min(cut, item.last + 1) };
        });
  const limit = find('limit', 'fetch');
  const offset = find('offset');
  // GROUP BY DISTINCT or ALL are words of the clause.
  const groupStart = (group?.first ?? 0) + 2;
  const groupFirst = ['all', 'distinct'].includes(text.word(groupStart)) ? groupStart + 1 : groupStart;
  return {
    whole: extent(start, clauses.at(-1)?.end ?? from.end),
    targets: items.map(({ first: begin, last }, index) => {
      const label = labels[index] !== true ? 0 : text.word(last - 1) === 'as' ? 2 : 1;
      return extent(begin, last + 1 - label);
    }),
    labelled: items.map(({ first: begin, last }) => extent(begin, last + 1)),
    from: extent(from.first + 1, from.end),
    where: where === undefined ? undefined : extent(where.first, where.end),
    groups:
      group === undefined
        ? []
        : itemsBetween(text, groupFirst, group.end).map(({ first: begin, last }) => extent(begin, last + 1)),
    order: sorts.map(({ first: begin, cut }) => extent(begin, cut)),
    directions: sorts.map(({ last, cut }) => ({ start: text.endOf(cut - 1), end: text.endOf(last) })),
    limit: limit === undefined ? undefined : countValue(limit, text),
    offset: offset === undefined ? undefined : countValue(offset, text),
  };
}

/** LIMIT 5, OFFSET 5 ROWS, FETCH FIRST 5 ROWS ONLY; undefined where FETCH leaves its count out. */
function countValue({ word, first, end }: Clause, text: StatementText): Extent | undefined {
  const begin = word === 'fetch' ? first + 2 : first + 1;
  const rows = text.findTopLevel(begin, (each, index) => index >= end || each === 'row' || each === 'rows');
  return rows > begin ? { start: text.startOf(begin), end: text.endOf(rows - 1) } : undefined;
}
