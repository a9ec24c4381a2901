/** INSERT: rows of VALUES go to their owners; INSERT … SELECT runs where its one key lies. */

import type { InsertStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { conflictColumns } from '../bind/bind-modify.js';
import { checkFiredOnce, checkImplied } from '../checks/check-implied.js';
import { checkCalls } from '../checks/checks.js';
import { callsOf, functionTraits, isOfSession } from '../code/functions.js';
import { ComputedList } from '../checks/computed.js';
import { needsHome } from '../code/column-defaults.js';
import { asFinal } from './final-refusals.js';
import { planInsertSelect } from './plan-insert-select.js';
import { planValues } from './insert-values.js';
import { checkKeyAssignments, checkTargets, writtenTables } from './plan-modify.js';
import type { Plan } from '../plan/plan.js';
import { sizeEdits } from '../checks/sizes.js';
import { spreadOf, type Spread } from '../route/spread.js';
import type { Entry } from '../bind/query.js';
import { withoutConstantRows } from '../tree/constant-rows.js';
import { pinnedRouting } from '../route/routing.js';
import { functionName, selectOf, someNode } from '../tree/tree.js';

/** The rows of VALUES; one of no values for DEFAULT VALUES; undefined for a query. */
function valueRows(insert: InsertStmt): readonly (readonly Node[])[] | undefined {
  if (insert.selectStmt === undefined) return [[]];
  const select = selectOf(insert.selectStmt);
  const lists = select?.valuesLists;
  if (select === undefined || lists === undefined || lists.length === 0) return undefined;
  if (select.sortClause !== undefined || select.limitCount !== undefined || select.limitOffset !== undefined)
    return undefined;
  if (select.withClause !== undefined) return undefined;
  return lists.map((node) => ('List' in node ? (node.List.items ?? []) : []));
}

export function planInsert(insert: InsertStmt, binder: Binder): Plan {
  const checked = withoutConstantRows(insert);
  const node: Node = { InsertStmt: checked };
  const { context, text } = binder;
  const query = binder.bindNode(node, undefined, new Map());
  const spread = spreadOf(query);
  const from = query.from;
  const target =
    from?.kind === 'entry'
      ? from.entry
      : from?.kind === 'join' && from.left.kind === 'entry'
        ? from.left.entry
        : undefined;
  const relation = target?.relation;
  if (insert.withClause !== undefined) checkReferenceWrites(node, spread, target, binder);
  if (target === undefined || relation === undefined || target.kind === 'home' || target.kind === 'catalog') {
    if (spread.sharded.length > 0) {
      if (
        target === undefined ||
        relation === undefined ||
        target.kind !== 'home' ||
        relation.hasRules ||
        writes(checked)
      ) {
        throw refuse('this INSERT from sharded tables', 'Read the rows first and send them as VALUES.');
      }
      return planInsertSelect(insert, query, target, relation, binder);
    }
    checkCalls([node], 'home', context, text);
    const computed = new ComputedList();
    const sql = text.template(sizeEdits([node], context, text, computed));
    return { kind: 'pass', routing: { kind: 'home' }, access: 'write', sql, computed: computed.expressions };
  }
  checkTargets(node, spread, binder);
  const isOne = target.kind === 'sharded' && (valueRows(insert)?.length ?? 0) <= 1;
  checkImplied(node, isOne ? 'one shard' : 'several shards', context, text);
  checkKeyAssignments(node, spread, binder);
  checkConflict(insert, relation, binder);
  const rows = valueRows(insert);
  if (rows !== undefined && returnsSets(valueRows(checked) ?? [], binder)) {
    if (rows.length > 1) throw refuse('a set-returning function in VALUES of several rows', 'Use INSERT … SELECT.');
    checkFiredOnce(node, context, text);
    return planInsertSelect(insert, query, target, relation, binder);
  }
  if (rows !== undefined && query.withQueries.length === 0 && insert.withClause === undefined) {
    if (spread.all.length > 1) {
      throw refuse(
        'a subquery in the VALUES, ON CONFLICT or RETURNING of an INSERT',
        'Run the subquery first and send its value as a parameter.',
        {
          position: text.position(query.subqueries[0]?.location ?? 0),
        },
      );
    }
    return planValues(insert, rows, relation, binder);
  }
  const asksSession = callsOf([node], context).some(isOfSession);
  const isOnOneShard = target.kind === 'sharded' && !spread.home && !asksSession && !leavesDefaults(insert, relation);
  const pinned = isOnOneShard ? pinnedRouting(spread.sharded, text) : undefined;
  if (pinned === undefined) {
    checkFiredOnce(node, context, text);
    return planInsertSelect(insert, query, target, relation, binder);
  }
  checkCalls([node], 'one shard', context, text);
  return { kind: 'pass', routing: pinned, access: 'write', sql: 'client', computed: [] };
}

/** `VALUES (generate_series(1, 3))` are three rows. */
function returnsSets(rows: readonly (readonly Node[])[], { context }: Binder): boolean {
  return someNode(
    rows,
    (node) => 'FuncCall' in node && functionTraits(functionName(node.FuncCall), context)?.traits.returnsSet === true,
  );
}

function writes(insert: InsertStmt): boolean {
  return writtenTables({ InsertStmt: insert }).length > 1;
}

/** Whether a column whose default the home shard tells is not among the columns that are given. */
function leavesDefaults(insert: InsertStmt, relation: Relation): boolean {
  const cols = insert.cols ?? [];
  const named = cols.flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name] : []));
  return relation.columns.some((column) => needsHome(column) && cols.length > 0 && !named.includes(column.name));
}

/** A WITH query that writes to a reference table would change the copy of one shard. */
function checkReferenceWrites(node: Node, spread: Spread, target: Entry | undefined, binder: Binder): void {
  const written = writtenTables(node);
  const other = spread.all.find(
    ({ entry }) => entry !== target && entry.kind === 'reference' && written.includes(entry.relation?.name ?? ''),
  );
  if (other === undefined) return;
  throw refuse(
    `a WITH query that may write to the reference table "${other.entry.relation?.name ?? ''}"`,
    'Run it as a statement of its own in the same transaction.',
    { position: binder.text.position(other.entry.location) },
  );
}

/** A conflict is found within a shard only: its columns must hold the key. */
function checkConflict(insert: InsertStmt, relation: Relation, binder: Binder): void {
  const conflict = insert.onConflictClause;
  if (conflict === undefined || relation.placement.kind !== 'sharded') return;
  const { key } = relation.placement;
  const position = binder.text.position(conflict.location ?? 0);
  const infer = conflict.infer;
  if (infer?.conname !== undefined || infer === undefined) return;
  const columns = conflictColumns(infer.indexElems);
  if (!key.every((name) => columns.includes(name))) {
    throw asFinal(
      refuse(
        'ON CONFLICT on columns without the shard key',
        `Name a unique constraint that holds the key (${key.join(', ')}).`,
        { position },
      ),
    );
  }
}
