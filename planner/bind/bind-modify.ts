/** INSERT, UPDATE, DELETE and MERGE as queries: the target is an occurrence like those that are read. */

import type { DeleteStmt, InsertStmt, MergeStmt, Node, RangeVar, UpdateStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Binding } from './binding.js';
import { derivedEntry, qualifierOf, relationEntry } from './bind-from.js';
import { conditionFacts, equalityOf } from './bind-facts.js';
import type { Fact } from './facts.js';
import {
  Scope,
  type CommonTables,
  type Entry,
  type VisibleColumn,
  type FromNode,
  type Query,
  type Subquery,
} from './query.js';
import { nameParts, selectOf } from '../tree/tree.js';
import { comparedValue, changesOnAssignment } from '../tree/values.js';

interface Parts {
  readonly scope: Scope;
  readonly from: FromNode | undefined;
  readonly where: readonly Fact[];
  readonly returning: readonly Node[] | undefined;
}

function addTarget(binder: Binding, scope: Scope, range: RangeVar | undefined, access: 'insert' | 'change'): Entry {
  const entry = relationEntry(binder, range ?? {}, range?.alias?.aliasname, access);
  scope.qualifiers = [...scope.qualifiers, qualifierOf(entry, entry.relation?.schema)];
  scope.columns = [...scope.columns, ...entry.columns];
  return entry;
}

export function bindModify(
  binder: Binding,
  node: Node,
  parent: Scope | undefined,
  common: CommonTables,
  subqueries: readonly Subquery[],
): Query {
  const scope = new Scope(parent, parent, common);
  const withClause =
    'UpdateStmt' in node
      ? node.UpdateStmt.withClause
      : 'DeleteStmt' in node
        ? node.DeleteStmt.withClause
        : 'InsertStmt' in node
          ? node.InsertStmt.withClause
          : 'MergeStmt' in node
            ? node.MergeStmt.withClause
            : undefined;
  const finish = binder.bindWith(withClause, scope);
  let parts: Parts;
  if ('UpdateStmt' in node) parts = bindUpdate(binder, node.UpdateStmt, scope);
  else if ('DeleteStmt' in node) parts = bindDelete(binder, node.DeleteStmt, scope);
  else if ('InsertStmt' in node) parts = bindInsert(binder, node.InsertStmt, scope);
  else if ('MergeStmt' in node) parts = bindMerge(binder, node.MergeStmt, scope);
  else throw refuse('this statement in WITH', 'Run it as a statement of its own.');
  binder.bindExpressions(parts.returning, scope);
  return {
    kind: 'modify',
    select: undefined,
    scope,
    from: parts.from,
    where: parts.where,
    outputs: binder.outputsOf(parts.returning, scope),
    links: [],
    subqueries,
    arms: [],
    withQueries: finish(),
  };
}

function bindUpdate(binder: Binding, update: UpdateStmt, scope: Scope): Parts {
  const target = addTarget(binder, scope, update.relation, 'change');
  const from = binder.bindFromList(update.fromClause, scope, target);
  const where = binder.bindCondition(update.whereClause, scope);
  binder.bindExpressions(update.targetList, scope);
  return { scope, from, where, returning: update.returningClause?.exprs };
}

function bindDelete(binder: Binding, remove: DeleteStmt, scope: Scope): Parts {
  const target = addTarget(binder, scope, remove.relation, 'change');
  const from = binder.bindFromList(remove.usingClause, scope, target);
  const where = binder.bindCondition(remove.whereClause, scope);
  return { scope, from, where, returning: remove.returningClause?.exprs };
}

/** The columns that an INSERT gives values for, in order. */
export function insertedColumns(insert: InsertStmt, target: Entry): readonly VisibleColumn[] {
  const cols = insert.cols ?? [];
  if (cols.length === 0) return target.columns;
  return cols.flatMap((node) => {
    const name = 'ResTarget' in node ? node.ResTarget.name : undefined;
    const column = target.columns.find((candidate) => candidate.name === name);
    return column === undefined ? [] : [column];
  });
}

function bindInsert(binder: Binding, insert: InsertStmt, scope: Scope): Parts {
  const sourceScope = scope.commonTables;
  const source =
    insert.selectStmt === undefined ? undefined : binder.bindNode(insert.selectStmt, scope.parent, sourceScope);
  const target = addTarget(binder, scope, insert.relation, 'insert');
  const facts: Fact[] = [];
  let from: FromNode = { kind: 'entry', entry: target };
  if (source !== undefined) {
    const entry = derivedEntry(binder, source, undefined, undefined, insert.relation?.location ?? 0);
    from = { kind: 'join', join: 'inner', left: from, right: { kind: 'entry', entry }, facts: [] };
    facts.push(...storedFacts(binder, insert, target, source));
  }
  const conflict = insert.onConflictClause;
  if (conflict !== undefined) {
    const excluded = target.columns.map((column) => ({ ...column, term: binder.newTerm() }));
    const conflictScope = new Scope(scope, scope, scope.commonTables);
    conflictScope.qualifiers = [
      { alias: 'excluded', schema: undefined, columns: excluded, open: false, isTable: false },
    ];
    binder.bindExpressions([conflict.targetList, conflict.whereClause], conflictScope);
  }
  return { scope, from, where: facts, returning: insert.returningClause?.exprs };
}

/** Stored column = selected column or value, where storing changes nothing. */
function storedFacts(binder: Binding, insert: InsertStmt, target: Entry, source: Query): Fact[] {
  const facts: Fact[] = [];
  const select = selectOf(insert.selectStmt);
  const targets = select?.targetList ?? [];
  insertedColumns(insert, target).forEach((column, index) => {
    const stored = target.relation?.columns.find((candidate) => candidate.name === column.name);
    if (stored === undefined || changesOnAssignment(stored) || !target.key.includes(column.term)) return;
    const output = source.outputs[index];
    const equal = output === undefined ? undefined : equalityOf(column, output);
    if (equal !== undefined) facts.push(equal);
    const node = targets[index];
    const isPlain = source.kind === 'select' && targets.length === source.outputs.length;
    const value = isPlain && node !== undefined && 'ResTarget' in node ? node.ResTarget.val : undefined;
    const constant = value === undefined ? undefined : comparedValue(value, stored, binder.text);
    if (constant !== undefined) {
      facts.push({ kind: 'one of', term: column.term, sources: [{ kind: 'tuple', values: [constant] }] });
    }
  });
  return facts;
}

/** Source rows without a match count too, so the condition says nothing about them: a left join to the target. */
function bindMerge(binder: Binding, merge: MergeStmt, scope: Scope): Parts {
  const source = binder.bindFromList(merge.sourceRelation === undefined ? [] : [merge.sourceRelation], scope);
  const target = addTarget(binder, scope, merge.relation, 'insert');
  const facts = conditionFacts(merge.joinCondition, scope, binder.text);
  binder.bindExpressions([merge.joinCondition, merge.mergeWhenClauses], scope);
  const right: FromNode = { kind: 'entry', entry: target };
  const from: FromNode = source === undefined ? right : { kind: 'join', join: 'left', left: source, right, facts };
  return { scope, from, where: [], returning: merge.returningClause?.exprs };
}

/** The names of the columns that an UPDATE or ON CONFLICT DO UPDATE sets. */
export function assignedColumns(targets: readonly Node[] | undefined): string[] {
  return (targets ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
}

/** The columns of an ON CONFLICT target. */
export function conflictColumns(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) =>
    'IndexElem' in node && node.IndexElem.name !== undefined ? [node.IndexElem.name] : nameParts([node]),
  );
}
