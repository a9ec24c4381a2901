/** Where the clauses of a SELECT are in its text. */

import type { StatementText } from './text.js';

export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface SelectText {
  /** The target list's items, without their labels. */
  readonly targets: readonly Extent[];
  /** Where the target list ends. */
  readonly targetsEnd: number;
  /** The expressions of ORDER BY, without direction. */
  readonly order: readonly Extent[];
  /** LIMIT, OFFSET and FETCH, one after the other. */
  readonly limit: Extent | undefined;
  /** FOR UPDATE, FOR SHARE and their like, one after the other. */
  readonly locking: Extent | undefined;
}

/** Words that a name may be only after a dot or AS. */
export function isKeyword(text: StatementText, index: number): boolean {
  const before = text.word(index - 1);
  return before !== '.' && before !== 'as';
}

export function isDirection(text: StatementText, index: number): boolean {
  const word = text.word(index);
  if (word === 'nulls') return text.word(index + 1) === 'first' || text.word(index + 1) === 'last';
  return word === 'asc' || word === 'desc' || word === 'using';
}

const afterOrder: ReadonlySet<string> = new Set(['limit', 'offset', 'fetch', 'for', ')']);
const lockWords: ReadonlySet<string> = new Set(['update', 'no', 'share', 'key']);
const limitWords: ReadonlySet<string> = new Set(['limit', 'offset', 'fetch']);

/** The comma-separated items from one token to another. */
export function itemsBetween(text: StatementText, from: number, to: number): { first: number; last: number }[] {
  const items: { first: number; last: number }[] = [];
  let first = from;
  while (first < to) {
    const comma = text.findTopLevel(first, (word, index) => index >= to || word === ',');
    const end = Math.min(comma, to);
    items.push({ first, last: end - 1 });
    first = end + 1;
  }
  return items;
}

const beforeTargets: ReadonlySet<string> = new Set(['select', 'all', 'distinct', ')']);

/** False for TABLE, and for a SELECT in parentheses: there what stands behind it is not at the targets' level. */
export function isPlainSelect(text: StatementText, firstTarget: number): boolean {
  const first = text.tokenIndexAt(firstTarget);
  let depth = 0;
  for (let index = 0; index < first; index++) {
    if (text.word(index) === '(') depth += 1;
    else if (text.word(index) === ')') depth -= 1;
  }
  return depth === 0 && beforeTargets.has(text.word(first - 1));
}

/** Of a SELECT with a FROM clause whose first target begins at a byte; `labelled` tells which targets have labels. */
export function locateClauses(text: StatementText, firstTarget: number, labelled: readonly boolean[]): SelectText {
  const start = text.tokenIndexAt(firstTarget);
  const from = text.findTopLevel(
    start,
    (word, index) => word === 'from' && isKeyword(text, index) && text.word(index - 1) !== 'distinct',
  );
  const targets = itemsBetween(text, start, from).map(({ first, last }, index) => {
    let end = last;
    if (labelled[index] === true) end -= text.word(last - 1) === 'as' ? 2 : 1;
    return { start: text.startOf(first), end: text.endOf(end) };
  });
  const orderAt = text.findTopLevel(
    from,
    (word, index) => word === 'order' && text.word(index + 1) === 'by' && isKeyword(text, index),
  );
  const count = text.tokens().length;
  const order: Extent[] = [];
  let rest = from;
  if (text.word(orderAt) === 'order') {
    const end = text.findTopLevel(orderAt + 2, (word, index) => afterOrder.has(word) && isKeyword(text, index));
    for (const { first, last } of itemsBetween(text, orderAt + 2, end)) {
      const cut = text.findTopLevel(first, (_, index) => index > last || isDirection(text, index));
      order.push({ start: text.startOf(first), end: text.endOf(Math.min(cut, last + 1) - 1) });
    }
    rest = end;
  }
  const limitAt = text.findTopLevel(rest, (word, index) => limitWords.has(word) && isKeyword(text, index));
  let limit: Extent | undefined;
  if (limitAt < count && limitWords.has(text.word(limitAt))) {
    const end = text.findTopLevel(limitAt, (word, index) => (word === 'for' || word === ')') && isKeyword(text, index));
    limit = { start: text.startOf(limitAt), end: text.endOf(Math.min(end, count) - 1) };
  }
  const lockAt = text.findTopLevel(rest, (word, index) => word === 'for' && lockWords.has(text.word(index + 1)));
  let locking: Extent | undefined;
  if (text.word(lockAt) === 'for') {
    const end = text.findTopLevel(lockAt, (word, index) => limitWords.has(word) && isKeyword(text, index));
    locking = { start: text.startOf(lockAt), end: text.endOf(Math.min(end, count) - 1) };
  }
  return { targets, targetsEnd: text.endOf(from - 1), order, limit, locking };
}
