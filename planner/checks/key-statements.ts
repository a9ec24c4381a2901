/** Whether SQL in a trigger's body stays with the shard key of the row that fires it. */

import type { Node } from 'libpg-query';

import { targetOf } from '../bind/from-entries.js';
import type { Relation } from '../../catalog/schema.js';
import { PgError } from '../../base/errors.js';
import { Binder } from '../bind/bind.js';
import { assignedColumns } from '../bind/bind-modify.js';
import type { PlanContext } from '../tree/context.js';
import { ViewFound } from '../bind/expand-view.js';
import { keyFamily } from '../postgres/key-family.js';
import { parseStatements } from '../parse/parser.js';
import { tokens, type Token } from '../parse/tokens.js';
import { keyColumns, pinnedRouting } from '../route/routing.js';
import type { Query } from '../bind/query.js';
import { spreadOf } from '../route/spread.js';
import { StatementText } from '../tree/text.js';
import { selectOf, someNode } from '../tree/tree.js';
import { changesOnAssignment } from '../tree/values.js';

/** The name of a sharded table that the statement touches elsewhere than at the row's key; undefined for none. */
export function staysWithKey(sql: string, relation: Relation, context: PlanContext): string | undefined {
  const written = Buffer.from(withParameters(sql, relation));
  for (const statement of parseStatements(written.toString('utf8'))) {
    const text = new StatementText({
      statement,
      sql: written,
      slots: undefined,
      context: { ...context, parameterTypes: relation.columns.map(({ baseTypeOid }) => baseTypeOid) },
    });
    const touched = strayTable(statement.node, relation, new Binder(context, text), text);
    if (touched !== undefined) return touched;
  }
  return undefined;
}

/**
 * NEW.x and OLD.x as parameters, numbered as the columns: that two are equal is what pins a statement. The key is the
 * same in both, because an UPDATE of it is refused.
 */
function withParameters(sql: string, relation: Relation): string {
  const bytes = Buffer.from(sql);
  const all = tokens(bytes);
  let result = '';
  let at = 0;
  for (let index = 0; index < all.length; index += 1) {
    const [row, dot, field] = all.slice(index, index + 3);
    if (row === undefined || dot?.text !== '.' || field === undefined || !isRow(row)) continue;
    if (all[index - 1]?.text === '.') continue;
    const number = relation.columns.findIndex(({ name }) => name === field.text) + 1;
    const isStar = field.text === '*' && field.kind === 'symbol';
    if (number === 0 && !isStar) continue;
    const pieces = isStar ? relation.columns.map((_, column) => `$${column + 1}`).join(', ') : `$${number}`;
    result += `${bytes.toString('utf8', at, row.start)} ${pieces} `;
    at = field.end;
    index += 2;
  }
  return result + bytes.toString('utf8', at);
}

function isRow({ kind, text }: Token): boolean {
  return (kind === 'word' || kind === 'quoted name') && (text === 'new' || text === 'old');
}

function strayTable(node: Node, relation: Relation, binder: Binder, text: StatementText): string | undefined {
  let query: Query;
  try {
    query = binder.bindNode(node, undefined, new Map());
  } catch (error) {
    if (error instanceof ViewFound) return error.view.name;
    // What is no query (CALL) touches what its own calls do.
    if (error instanceof PgError) return 'SelectStmt' in node || 'InsertStmt' in node ? relation.name : undefined;
    throw error;
  }
  const { sharded } = spreadOf(query);
  const [first] = sharded;
  if (first === undefined) return undefined;
  const name = first.entry.relation?.name ?? '';
  if (
    'MergeStmt' in node ||
    assignsKey(
      node,
      sharded.map(({ entry }) => entry.relation),
    )
  )
    return name;
  const keys = keyColumns(relation).map((column) => relation.columns.indexOf(column) + 1);
  let pinned = sharded;
  if ('InsertStmt' in node && selectOf(node.InsertStmt.selectStmt)?.valuesLists !== undefined) {
    const target = targetOf(query.from);
    if (!insertsKey(node, target?.relation, relation, keys)) return target?.relation?.name ?? name;
    pinned = sharded.filter(({ entry }) => entry !== target);
    if (pinned.length === 0) return undefined;
  }
  const routing = pinnedRouting(pinned, text);
  const source = routing?.kind === 'byKey' ? routing.alternatives[0]?.[0] : undefined;
  const isPinned =
    source?.kind === 'tuple' &&
    source.values.length === keys.length &&
    source.values.every((value, index) => value.kind === 'parameter' && value.number === keys[index]);
  return isPinned ? undefined : name;
}

/** Whether some UPDATE or ON CONFLICT assigns to a column that is named as a shard key. */
function assignsKey(node: Node, relations: readonly (Relation | undefined)[]): boolean {
  const names = relations.flatMap((relation) => keyColumns(relation).map(({ name }) => name));
  return someNode([node], (part) => {
    const lists =
      'UpdateStmt' in part
        ? part.UpdateStmt.targetList
        : 'InsertStmt' in part
          ? part.InsertStmt.onConflictClause?.targetList
          : undefined;
    return assignedColumns(lists).some((column) => names.includes(column));
  });
}

/** INSERT … VALUES: every row has the trigger's key in its key columns, in their order. */
function insertsKey(
  { InsertStmt: insert }: Extract<Node, { InsertStmt: unknown }>,
  target: Relation | undefined,
  relation: Relation,
  keys: readonly number[],
): boolean {
  if (target === undefined) return false;
  const named = (insert.cols ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
  const columns = named.length > 0 ? named : target.columns.map(({ name }) => name);
  const rows = selectOf(insert.selectStmt)?.valuesLists ?? [];
  const targetKeys = keyColumns(target);
  return (
    targetKeys.length === keys.length &&
    rows.every((row) => {
      const items = 'List' in row ? (row.List.items ?? []) : [];
      return targetKeys.every((column, index) => {
        const value = items[columns.indexOf(column.name)];
        const own = relation.columns[(keys[index] ?? 0) - 1];
        const isAlike = own !== undefined && keyFamily(own.baseTypeOid) === keyFamily(column.baseTypeOid);
        if (!isAlike || changesOnAssignment(column)) return false;
        return value !== undefined && 'ParamRef' in value && value.ParamRef.number === keys[index];
      });
    })
  );
}
