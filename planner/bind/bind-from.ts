/** FROM: occurrences of relations, joins and what their conditions say. */

import type { JoinExpr, Node, RangeFunction, RangeVar } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import type { Binding, BoundFrom } from './binding.js';
import { conditionFacts, equalityOf } from './bind-facts.js';
import { checkExpandable, ViewFound } from './expand-view.js';
import type { Fact } from './facts.js';
import type { Entry, FromNode, JoinKind, Qualifier, Query, Scope, VisibleColumn } from './query.js';
import { writableView, type Access } from './writable-view.js';
import { entryKind, resolveRelation, undefinedRelation } from '../tree/scope.js';
import { columnName } from './shape.js';
import { nameParts, rangeVarName } from '../tree/tree.js';
import { columnType, mergedType } from './value-types.js';

/** The columns under other names: `AS t(a, b)`. */
function renamed(columns: readonly VisibleColumn[], names: readonly Node[] | undefined): readonly VisibleColumn[] {
  const given = nameParts(names);
  return given.length === 0
    ? columns
    : columns.map((column, index) => ({ ...column, name: given[index] ?? column.name }));
}

/** What names the columns of an entry; `schema`: where one may stand before it. */
export function qualifierOf(entry: Entry, schema: string | undefined): Qualifier {
  const { alias, columns, open, relation } = entry;
  return { alias, schema, columns, open, isTable: relation !== undefined && relation.definition === undefined };
}

function boundEntry(entry: Entry, schema: string | undefined): BoundFrom {
  return {
    node: { kind: 'entry', entry },
    columns: entry.columns,
    qualifiers: [qualifierOf(entry, schema)],
  };
}

/** A relation's occurrence; of a view over a reference table that is written to, that of its table. */
export function relationEntry(
  binder: Binding,
  range: RangeVar,
  alias: string | undefined,
  access: Access = 'read',
): Entry {
  const name = rangeVarName(range);
  const location = range.location ?? 0;
  const found = resolveRelation(name, binder.context);
  if (found === undefined) throw undefinedRelation(name, binder.text.position(location));
  const shown = alias ?? name.name;
  if (found === 'catalog') {
    return {
      kind: 'catalog',
      alias: shown,
      relation: undefined,
      key: [],
      columns: [],
      open: true,
      query: undefined,
      location,
    };
  }
  const isCopied = access !== 'read' && entryKind(found, binder.context.catalog) === 'reference';
  const written = isCopied && found.kind === 'view' ? writableView(found, binder.context, access) : undefined;
  return ofRelation(binder, written ?? found, shown, range, access);
}

function ofRelation(binder: Binding, relation: Relation, alias: string, range: RangeVar, access: Access): Entry {
  const location = range.location ?? 0;
  const kind = entryKind(relation, binder.context.catalog);
  if (kind === 'view over shards') {
    const written = writableView(relation, binder.context, access);
    if (written !== undefined) return ofRelation(binder, written, alias, range, access);
    throw refuse(
      `a write to the view "${relation.name}" over a sharded table`,
      'Write to the table that the view reads instead.',
      { position: binder.text.position(location) },
    );
  }
  const columns = renamed(
    relation.columns.map((column) => ({
      name: column.name,
      term: binder.newTerm(),
      type: columnType(column),
    })),
    range.alias?.colnames,
  );
  const key =
    kind === 'sharded' && relation.placement.kind === 'sharded'
      ? relation.placement.key.map(
          (name) => columns[relation.columns.findIndex((column) => column.name === name)]?.term ?? -1,
        )
      : [];
  return { kind, alias, relation, key, columns, open: false, query: undefined, location };
}

/** An occurrence of a subquery or a common table. */
export function derivedEntry(
  binder: Binding,
  query: Query,
  alias: string | undefined,
  names: readonly Node[] | undefined,
  location: number,
): Entry {
  const columns = renamed(query.outputs, names);
  binder.count(location);
  return { kind: 'derived', alias, relation: undefined, key: [], columns, open: false, query, location };
}

export function bindFromItem(binder: Binding, node: Node, scope: Scope): BoundFrom {
  if ('RangeVar' in node) {
    const range = node.RangeVar;
    const alias = range.alias?.aliasname;
    const common = range.schemaname === undefined ? scope.commonTables.get(range.relname ?? '') : undefined;
    if (common !== undefined) {
      const entry = common.bind(alias ?? range.relname ?? '', range.location ?? 0);
      return boundEntry({ ...entry, columns: renamed(entry.columns, range.alias?.colnames) }, undefined);
    }
    const found = resolveRelation(rangeVarName(range), binder.context);
    if (found !== undefined && found !== 'catalog' && entryKind(found, binder.context.catalog) === 'view over shards') {
      const location = range.location ?? 0;
      checkExpandable(found, binder.context.catalog, binder.text.position(location));
      throw new ViewFound(found, location, alias !== undefined);
    }
    const entry = relationEntry(binder, range, alias);
    return boundEntry(entry, alias === undefined ? entry.relation?.schema : undefined);
  }
  if ('RangeSubselect' in node) {
    const { subquery, alias, lateral } = node.RangeSubselect;
    const query = binder.bindNode(subquery, lateral === true ? scope : scope.outer, scope.commonTables);
    return boundEntry(derivedEntry(binder, query, alias?.aliasname, alias?.colnames, 0), undefined);
  }
  if ('JoinExpr' in node) return bindJoin(binder, node.JoinExpr, scope);
  if ('RangeFunction' in node) return bindFunction(binder, node.RangeFunction, scope);
  if ('RangeTableSample' in node) {
    // A sample of each shard's rows is a sample of all rows.
    const { relation, args, repeatable } = node.RangeTableSample;
    if (relation === undefined) throw refuse('TABLESAMPLE', 'Filter the rows with WHERE instead.');
    binder.bindExpressions([args, repeatable], scope);
    return bindFromItem(binder, relation, scope);
  }
  // XMLTABLE, JSON_TABLE: rows from an expression.
  binder.bindExpressions(Object.values(node), scope);
  return boundEntry(openEntry(undefined), undefined);
}

function openEntry(alias: string | undefined): Entry {
  return {
    kind: 'derived',
    alias,
    relation: undefined,
    key: [],
    columns: [],
    open: true,
    query: undefined,
    location: 0,
  };
}

/** A function in FROM: one column of its own name, unless its alias lists them or its type may have more. */
function bindFunction(binder: Binding, range: RangeFunction, scope: Scope): BoundFrom {
  binder.bindExpressions(range.functions, scope);
  const listed = (range.coldeflist ?? []).flatMap((node) =>
    'ColumnDef' in node ? [node.ColumnDef.colname ?? ''] : [],
  );
  const named = listed.length > 0 ? listed : nameParts(range.alias?.colnames);
  const call = range.functions?.[0];
  const first = call !== undefined && 'List' in call ? call.List.items?.[0] : call;
  const alias = range.alias?.aliasname ?? (first === undefined ? undefined : columnName(first));
  const columns = named.map((name) => ({ name, term: binder.newTerm(), type: undefined }));
  return boundEntry({ ...openEntry(alias), columns, open: true }, undefined);
}

/** A column of USING has the type that both sides have in common. */
function mergedColumn(shown: VisibleColumn, left: VisibleColumn, right: VisibleColumn): VisibleColumn {
  return shown.type === undefined ? shown : { ...shown, type: mergedType(shown.type, left.type, right.type) };
}

const joinKinds: Readonly<Record<string, JoinKind>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

function bindJoin(binder: Binding, join: JoinExpr, scope: Scope): BoundFrom {
  const kind = joinKinds[join.jointype ?? 'JOIN_INNER'] ?? 'full';
  if (join.larg === undefined || join.rarg === undefined) throw refuse('this join', 'Write it as JOIN … ON ….');
  const left = bindFromItem(binder, join.larg, scope);
  // LATERAL on the right sees the left.
  const inner = binder.childScope(scope, [left]);
  const right = bindFromItem(binder, join.rarg, inner);
  const names =
    join.isNatural === true
      ? left.columns.map((column) => column.name).filter((name) => right.columns.some((column) => column.name === name))
      : nameParts(join.usingClause);
  const open = [...left.qualifiers, ...right.qualifiers].some((qualifier) => qualifier.open);
  const facts: Fact[] = [];
  const merged: VisibleColumn[] = [];
  for (const name of names) {
    const leftColumn = left.columns.find((column) => column.name === name);
    const rightColumn = right.columns.find((column) => column.name === name);
    if (leftColumn === undefined || rightColumn === undefined) continue;
    const fact = equalityOf(leftColumn, rightColumn);
    if (fact !== undefined) facts.push(fact);
    if (kind === 'full') {
      merged.push(mergedColumn({ name, term: binder.newTerm(), type: leftColumn.type }, leftColumn, rightColumn));
    } else merged.push(mergedColumn(kind === 'right' ? rightColumn : leftColumn, leftColumn, rightColumn));
  }
  if (open && join.isNatural === true) facts.length = 0;
  const isMerged = (column: VisibleColumn): boolean => names.includes(column.name);
  const columns = [
    ...merged,
    ...left.columns.filter((column) => !isMerged(column)),
    ...right.columns.filter((column) => !isMerged(column)),
  ];
  const visible: BoundFrom = { node: left.node, columns, qualifiers: [...left.qualifiers, ...right.qualifiers] };
  let on: { readonly condition: Node; readonly scope: Scope } | undefined;
  if (join.quals !== undefined) {
    const onScope = binder.childScope(scope, [visible]);
    facts.push(...conditionFacts(join.quals, onScope, binder.text));
    binder.bindExpressions([join.quals], onScope);
    on = { condition: join.quals, scope: onScope };
  }
  const node: FromNode = {
    kind: 'join',
    join: kind,
    left: left.node,
    right: right.node,
    facts,
    ...(on === undefined ? {} : { on }),
  };
  const alias = join.alias?.aliasname;
  if (alias === undefined) return { node, columns, qualifiers: visible.qualifiers };
  const aliased = renamed(columns, join.alias?.colnames);
  return { node, columns: aliased, qualifiers: [{ alias, schema: undefined, columns: aliased, open, isTable: false }] };
}
