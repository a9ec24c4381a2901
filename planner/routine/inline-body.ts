/** The body of an SQL function as a query, with what it is called with in the places of its arguments. */

import type { Node, SelectStmt } from 'libpg-query';

import type { Routine } from '../../catalog/code.js';
import { pathOf } from '../code/read-routine.js';
import { parseStatements } from '../parse/parser.js';
import { tokens } from '../parse/tokens.js';
import type { PlanContext } from '../tree/context.js';
import { columnRefParts, selectOf, someNode, stringValue, walkNodes } from '../tree/tree.js';

/** What a function is called with for one of its arguments. */
export interface Argument {
  /** The argument's; empty for one without. */
  readonly name: string;
  readonly sql: string;
  /** It is a column, with this qualifier, of the query around. */
  readonly isColumn: boolean;
  readonly qualifier: string | undefined;
}

/** A body as an item of FROM, which its alias follows. */
interface Body {
  readonly sql: string;
  /** Items of FROM that stand before it, with a comma behind. */
  readonly before: string;
}

/** Undefined for a body that is more than a query, or in which a name may be an argument or something else. */
export function inlineBody(routine: Routine, given: readonly Argument[], context: PlanContext): Body | undefined {
  const source = querySource(routine);
  if (source === undefined || pathOf({ routine, searchPath: context.searchPath }) !== context.searchPath)
    return undefined;
  const [statement, ...more] = parseStatements(source);
  const select = selectOf(statement?.node);
  if (statement === undefined || select === undefined || more.length > 0 || !isPlainQuery(select)) return undefined;
  const sql = Buffer.from(source);
  const { names, columns } = namesIn(select, context);
  // A column of the query around would be one of the body's own.
  const isHidden = given.some(({ qualifier }) => qualifier !== undefined && names.has(qualifier));
  const args = isHidden
    ? given.map((argument, index) =>
        argument.isColumn ? { ...argument, sql: `pgring_arguments.pgring_${index + 1}` } : argument,
      )
    : given;
  const passed = given.map(({ sql: value }, index) => `${value} AS pgring_${index + 1}`).join(', ');
  const places = new Map<number, { readonly words: number; readonly sql: string }>();
  let isClear = true;
  walkNodes([select], (node) => {
    if ('ParamRef' in node) {
      const argument = args[(node.ParamRef.number ?? 0) - 1];
      if (argument === undefined) isClear = false;
      else places.set(node.ParamRef.location ?? 0, { words: 1, sql: argument.sql });
    }
    if (!('ColumnRef' in node)) return true;
    const parts = columnRefParts(node.ColumnRef);
    const [first = '', second] = parts;
    const isQualified = parts.length === 2 && first === routine.name && !names.has(first);
    const name = parts.length === 1 ? first : isQualified ? second : undefined;
    const argument = name === undefined || name === '' ? undefined : args.find((each) => each.name === name);
    if (argument === undefined) return true;
    // A column comes before an argument of the name (sql-createfunction, "Writing SQL functions").
    if (!isQualified && (columns.has(first) || columns.has('*'))) isClear = false;
    places.set(node.ColumnRef.location ?? 0, { words: isQualified ? 3 : 1, sql: argument.sql });
    return true;
  });
  if (!isClear) return undefined;
  const all = tokens(sql, statement.start, statement.end);
  let written = '';
  let at = statement.start;
  for (const [index, token] of all.entries()) {
    const place = places.get(token.start);
    if (place === undefined) continue;
    written += sql.toString('utf8', at, token.start) + place.sql;
    at = all[index + place.words - 1]?.end ?? token.end;
  }
  // A comment may end the text.
  const body = `(${written}${sql.toString('utf8', at, statement.end)}\n)`;
  return isHidden
    ? { before: `(SELECT ${passed}) AS pgring_arguments, `, sql: `LATERAL ${body}` }
    : { before: '', sql: body };
}

/** `BEGIN ATOMIC query; END` and `RETURN expression` are printed by the server in that form. */
function querySource({ source, sqlBody }: Routine): string | undefined {
  if (sqlBody === undefined) return source;
  const returned = /^\s*RETURN\s+([^]*)$/i.exec(sqlBody)?.[1];
  if (returned !== undefined) return `SELECT ${returned}`;
  return /^\s*BEGIN ATOMIC\s([^]*);\s*END\s*$/i.exec(sqlBody)?.[1];
}

function isPlainQuery(select: SelectStmt): boolean {
  if (select.intoClause !== undefined) return false;
  return !someNode(
    [select],
    (node: Node) =>
      'LockingClause' in node ||
      'InsertStmt' in node ||
      'UpdateStmt' in node ||
      'DeleteStmt' in node ||
      'MergeStmt' in node,
  );
}

/** What may qualify a column, and what may be one; a star for columns that are not known. */
function namesIn(select: SelectStmt, { catalog }: PlanContext): { names: Set<string>; columns: Set<string> } {
  const names = new Set<string>();
  const columns = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === 'relname' || key === 'aliasname' || key === 'ctename') names.add(String(child));
      else if (key === 'colnames' || key === 'aliascolnames') {
        for (const name of child as readonly Node[]) columns.add(stringValue(name) ?? '');
      } else if (key === 'ResTarget') columns.add((child as { readonly name?: string }).name ?? '');
      else if (key === 'RangeFunction' || key === 'RangeTableFunc' || key === 'JsonTable') columns.add('*');
      visit(child);
    }
  };
  visit(select);
  for (const relation of catalog.relations()) {
    if (names.has(relation.name)) for (const { name } of relation.columns) columns.add(name);
  }
  return { names, columns };
}
