/** Calls of window functions whose values are certain. */

import type { SqlColumn } from './expressions.js';

/** `over`: a window whose peers tie; with `identity` there are also those that need a total order. */
export function windowCalls(
  number: string,
  over: string,
  partition: string,
  order: string,
  identity: readonly string[] | undefined,
): readonly SqlColumn[] {
  const functions: SqlColumn[] = [
    { sql: `rank() OVER ${over}`, type: 'int8' },
    { sql: `dense_rank() OVER ${over}`, type: 'int8' },
    { sql: `sum(${number}) OVER ${over}`, type: 'int8' },
    { sql: `count(*) OVER (${partition.trim()})`, type: 'int8' },
    { sql: `max(${number}) FILTER (WHERE ${number} > 1) OVER ${over}`, type: 'int4' },
    { sql: `sum(${number}) OVER win`, type: 'int8' },
  ];
  if (identity !== undefined) {
    const total = `(${partition}ORDER BY ${[order, ...identity].join(', ')})`;
    functions.push(
      { sql: `row_number() OVER ${total}`, type: 'int8' },
      { sql: `lag(${number}) OVER ${total}`, type: 'int4' },
      { sql: `ntile(3) OVER ${total}`, type: 'int4' },
      {
        sql: `sum(${number}) OVER (${total.slice(1, -1)} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)`,
        type: 'int8',
      },
    );
  }
  return functions;
}
