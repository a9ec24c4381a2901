/** Where the rows of an INSERT's VALUES are in its text. */

import type { StatementText } from './text.js';

export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface RowText {
  readonly items: readonly Extent[];
}

/** Where the rows of VALUES are, and what goes before and after them. */
export interface ValuesText {
  readonly rows: readonly RowText[];
  readonly headEnd: number;
  readonly tailStart: number;
}

export function locateRows(text: StatementText, valuesIndex: number): ValuesText {
  const rows: RowText[] = [];
  let index = valuesIndex + 1;
  let tailStart = text.endOf(valuesIndex);
  while (text.word(index) === '(') {
    const close = text.closingIndex(index);
    const items: Extent[] = [];
    let first = index + 1;
    while (first < close) {
      const comma = text.findTopLevel(first, (word, at) => at >= close || word === ',');
      const last = Math.min(comma, close) - 1;
      items.push({ start: text.startOf(first), end: text.endOf(last) });
      first = Math.min(comma, close) + 1;
    }
    rows.push({ items });
    tailStart = text.endOf(close);
    index = close + 1;
    if (text.word(index) !== ',') break;
    index += 1;
  }
  return { rows, headEnd: text.startOf(valuesIndex), tailStart };
}
