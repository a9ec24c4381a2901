/** ON CONFLICT and RETURNING of an INSERT whose rows go to several shards. */

import type { InsertStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import { checkCalls } from '../checks/checks.js';
import { checkReturnedColumns } from '../checks/system-columns.js';
import { callsOf, isOfSession, type FunctionEffect } from '../code/functions.js';
import type { Binder } from '../bind/bind.js';
import { someNode } from '../tree/tree.js';
import { isSteadyDefault, unlikeDefault } from './assigned-defaults.js';

/** Refuses what the shards would not do as one server does. */
export function checkTail(
  { onConflictClause, returningClause }: InsertStmt,
  relation: Relation,
  rows: 'one row' | 'many rows',
  binder: Binder,
): void {
  const { context, text } = binder;
  const nodes = [onConflictClause, returningClause];
  const isReference = relation.placement.kind === 'reference';
  const assigned = isReference ? unlikeDefault(onConflictClause?.targetList, relation) : undefined;
  if (assigned !== undefined && !isSteadyDefault(assigned.column)) {
    throw refuse(
      `an update of "${assigned.column.name}" in a reference table to its default, a function`,
      'Each shard would store another value: send the value as a parameter.',
      { position: text.position(assigned.location) },
    );
  }
  if (isReference || rows === 'many rows') checkReturnedColumns(nodes, binder);
  const calls = callsOf(nodes, context);
  // What only the session's own connection tells is asked before the rows are stored.
  checkCalls(nodes, calls.some(isOfSession) ? 'several shards' : 'one shard', context, text);
  const current = calls.find(({ effect }) => effect === 'current');
  if (current !== undefined && rows === 'many rows') {
    throw refuse('currval() or lastval() in RETURNING of several rows', 'Return the column that holds the value.', {
      position: text.position(current.call.location ?? 0),
    });
  }
  const subquery = someNode(
    nodes,
    (node) => 'SubLink' in node && someNode([node.SubLink.subselect], (part) => 'RangeVar' in part),
  );
  if (subquery) {
    throw refuse(
      'a subquery in the VALUES, ON CONFLICT or RETURNING of an INSERT',
      'Run the subquery first and send its value as a parameter.',
    );
  }
  // A transaction that is compared with a row's own comes out alike on every copy.
  const alike: readonly FunctionEffect[] = ['plain', 'once', 'current', 'transaction'];
  const varying = calls.find(({ effect }) => !alike.includes(effect));
  if (isReference && varying !== undefined) {
    throw refuse(
      'a volatile function in ON CONFLICT or RETURNING of an INSERT into a reference table',
      'Each shard would make another value: send the value as a parameter.',
      { position: text.position(varying.call.location ?? 0) },
    );
  }
}
