/**
 * A view that PostgreSQL can write through is on every shard, and there stands for the shard's rows of its table: a write
 * to it is planned as one to that table, under the view's names. What the servers then do (WITH CHECK OPTION, privileges)
 * is theirs.
 */

import type { Node, SelectStmt } from 'libpg-query';

import type { Column, Relation } from '../../catalog/schema.js';
import { mustComputeDefault } from '../code/column-defaults.js';
import { callsOf } from '../code/functions.js';
import { parseStatements } from '../parse/parser.js';
import type { PlanContext } from '../tree/context.js';
import { resolveRelation } from '../tree/scope.js';
import { columnRefParts, rangeVarName, someNode } from '../tree/tree.js';

/** What a statement does with a relation; `change`: to rows that are there. */
export type Access = 'read' | 'insert' | 'change';

/** Whether the name is that of a view, whatever its relation was made to look like. */
export function isView({ schema, name }: Relation, { catalog }: PlanContext): boolean {
  return catalog.relation(schema, name)?.kind === 'view';
}

/** The view as a table of its columns; undefined for a view that is more than the rows of one table. */
export function writableView(view: Relation, context: PlanContext, access: Access): Relation | undefined {
  const select = view.definition === undefined ? undefined : definitionOf(view.definition);
  const [item, second] = select?.fromClause ?? [];
  if (
    select === undefined ||
    item === undefined ||
    second !== undefined ||
    !('RangeVar' in item) ||
    view.hasRules ||
    context.catalog.code.ofRelation(view.oid).triggers.length > 0 ||
    !isPlain(select, context)
  ) {
    return undefined;
  }
  const found = resolveRelation(rangeVarName(item.RangeVar), context);
  if (found === undefined || found === 'catalog') return undefined;
  const base = found.kind === 'view' ? writableView(found, context, access) : found;
  return base === undefined || base.hasRowSecurity || base.isInherited
    ? undefined
    : shownAs(view, base, select, access);
}

function definitionOf(sql: string): SelectStmt | undefined {
  const [statement] = parseStatements(sql);
  return statement !== undefined && 'SelectStmt' in statement.node ? statement.node.SelectStmt : undefined;
}

/** Each shard says the same of its own rows. */
function isPlain(select: SelectStmt, context: PlanContext): boolean {
  const isOther = (node: Node): boolean => 'SubLink' in node || 'SQLValueFunction' in node;
  return !someNode([select], isOther) && callsOf([select], context).every(({ effect }) => effect === 'plain');
}

function shownAs(view: Relation, base: Relation, select: SelectStmt, access: Access): Relation | undefined {
  const sources = (select.targetList ?? []).map((target): Column | undefined => {
    const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
    if (value === undefined || !('ColumnRef' in value)) return undefined;
    const name = columnRefParts(value.ColumnRef).at(-1);
    return base.columns.find((column) => column.name === name);
  });
  const shown = (name: string): string | undefined =>
    view.columns[sources.findIndex((source) => source?.name === name)]?.name;
  const namesOf = (columns: readonly string[]): readonly string[] | undefined => {
    const names = columns.flatMap((name) => shown(name) ?? []);
    return names.length === columns.length ? names : undefined;
  };
  const isCopied = base.placement.kind === 'reference';
  const hidden = base.columns.filter((column) => !sources.includes(column));
  const reach = isCopied ? 'copied' : 'spread';
  if (access === 'insert' && hidden.some((column) => mustComputeDefault(column, false, reach))) return undefined;
  const key = base.placement.kind === 'sharded' ? namesOf(base.placement.key) : [];
  if (key === undefined) return undefined;
  return {
    ...base,
    schema: view.schema,
    name: view.name,
    columns: view.columns.map((column, index) => {
      const source = sources[index];
      const defaultExpression = column.defaultExpression ?? source?.defaultExpression;
      return source === undefined ? column : { ...source, name: column.name, defaultExpression };
    }),
    placement: base.placement.kind === 'sharded' ? { kind: 'sharded', key } : base.placement,
    uniqueKeys: base.uniqueKeys.flatMap((unique) => {
      const columns = namesOf(unique.columns);
      return columns === undefined ? [] : [{ ...unique, columns }];
    }),
  };
}
