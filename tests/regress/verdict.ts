/** What is said of one statement: whether pgring's answer is PostgreSQL's. */

import type { Node } from '@pgsql/types';
import { parseStatements } from '../../planner/parse/parser.js';
import { difference, refusalIn, type Answer } from '../oracle/answer.js';

export type Verdict =
  | { readonly kind: 'equal' }
  /** The rows are the same, and no ORDER BY tells their order apart. */
  | { readonly kind: 'multiset' }
  | { readonly kind: 'explain' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** Equals what a PostgreSQL answers that was spared the refused statements. */
  | { readonly kind: 'consequence' }
  | { readonly kind: 'different'; readonly text: string };

interface Answers {
  readonly sql: string;
  readonly pgring: Answer;
  readonly whole: Answer;
  /** Absent when pgring refused the statement. */
  readonly spared: Answer | undefined;
}

export function judge({ sql, pgring, whole, spared }: Answers): Verdict {
  const reason = refusalIn(pgring);
  if (reason !== undefined) return { kind: 'refused', reason };
  if (isExplain(sql)) {
    if (hasError(pgring) === hasError(whole)) return { kind: 'explain' };
    if (spared !== undefined && hasError(pgring) === hasError(spared)) return { kind: 'consequence' };
  }
  const verdict = compare(sql, pgring, whole);
  if (verdict.kind !== 'different' || spared === undefined) return verdict;
  return compare(sql, pgring, spared).kind === 'different' ? verdict : { kind: 'consequence' };
}

function compare(sql: string, actual: Answer, expected: Answer): Verdict {
  const ordered = difference(actual, expected, 'ordered');
  if (ordered === undefined) return { kind: 'equal' };
  if (difference(actual, expected, 'any order') !== undefined) return { kind: 'different', text: ordered };
  return sameKeys(sql, actual, expected) ? { kind: 'multiset' } : { kind: 'different', text: `ORDER\n${ordered}` };
}

function hasError(answer: Answer): boolean {
  return answer.parts.some((part) => part.kind === 'error');
}

function isExplain(sql: string): boolean {
  return /^explain\b/i.test(sql);
}

/** Whether, in both orders, the columns that ORDER BY names run alike: then the rest of the order was free. */
function sameKeys(sql: string, actual: Answer, expected: Answer): boolean {
  const keys = orderColumns(sql);
  if (keys === 'none') return true;
  if (keys === 'unknown') return false;
  const names = columnNames(expected);
  const positions = keys.map((key) => (typeof key === 'number' ? key - 1 : names.indexOf(key)));
  if (positions.some((position) => position < 0)) return false;
  return keyText(actual, positions) === keyText(expected, positions);
}

function keyText(answer: Answer, positions: readonly number[]): string {
  const rows = answer.parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
  return rows
    .map((row) => {
      const values = row.split(' | ');
      return positions.map((position) => values[position]).join(' | ');
    })
    .join('\n');
}

function columnNames(answer: Answer): readonly string[] {
  const text = answer.parts.flatMap((part) =>
    part.kind === 'said' && part.text.startsWith('columns ') ? [part.text.slice('columns '.length)] : [],
  )[0];
  return text === undefined ? [] : text.split(' ').map((column) => column.split(':')[0] ?? '');
}

/** The columns of the result by which a SELECT is ordered. */
function orderColumns(sql: string): readonly (string | number)[] | 'none' | 'unknown' {
  let node: Node | undefined;
  try {
    node = parseStatements(sql)[0]?.node;
  } catch {
    return 'unknown';
  }
  if (node === undefined || !('SelectStmt' in node)) return 'none';
  const items = node.SelectStmt.sortClause ?? [];
  if (items.length === 0) return 'none';
  const keys: (string | number)[] = [];
  for (const item of items) {
    const expression = 'SortBy' in item ? item.SortBy.node : undefined;
    if (expression === undefined) return 'unknown';
    if ('A_Const' in expression && expression.A_Const.ival !== undefined) keys.push(expression.A_Const.ival.ival ?? 0);
    else if ('ColumnRef' in expression) {
      const last = expression.ColumnRef.fields?.at(-1);
      if (last === undefined || !('String' in last)) return 'unknown';
      keys.push(last.String.sval ?? '');
    } else return 'unknown';
  }
  return keys;
}
