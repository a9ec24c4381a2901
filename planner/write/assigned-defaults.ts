/** `SET column = DEFAULT`: a default that a shard must not evaluate on its own. */

import type { Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Column, Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import type { ComputedList } from '../checks/computed.js';
import { defaultSql, mustComputeDefault, needsHome } from '../code/column-defaults.js';
import type { Edit } from '../parse/splice.js';
import type { StatementText } from '../tree/text.js';

interface AssignedDefault {
  readonly column: Column;
  /** Where DEFAULT stands. */
  readonly location: number;
}

/** The columns that a SET list gives their defaults, also by `(a, b) = (DEFAULT, 1)`. */
export function assignedDefaults(targets: readonly Node[] | undefined, relation: Relation): readonly AssignedDefault[] {
  return (targets ?? []).flatMap((node) => {
    const target = 'ResTarget' in node ? node.ResTarget : undefined;
    const column = relation.columns.find(({ name }) => name === target?.name);
    let value = target?.val;
    if (value !== undefined && 'MultiAssignRef' in value) {
      const { source, colno = 0 } = value.MultiAssignRef;
      value = source !== undefined && 'RowExpr' in source ? source.RowExpr.args?.[colno - 1] : undefined;
    }
    if (column === undefined || value === undefined || !('SetToDefault' in value)) return [];
    return [{ column, location: value.SetToDefault.location ?? 0 }];
  });
}

/** A shard's own copy of a sequence knows nothing of the numbers that were given out. */
export function checkAssignedDefaults(
  targets: readonly Node[] | undefined,
  relation: Relation,
  { text }: Binder,
): void {
  const found = assignedDefaults(targets, relation).find(({ column }) => needsHome(column));
  if (found === undefined) return;
  throw refuse(
    `an update of "${relation.name}"."${found.column.name}" to a default that only the home shard tells`,
    'Call nextval() and the like in a statement of its own, and send its value.',
    { position: text.position(found.location) },
  );
}

/** Whether the default has one value for a statement, which the shards would each have their own of. */
export function isSteadyDefault(column: Column): boolean {
  return !needsHome(column) && mustComputeDefault(column, false, 'spread');
}

/** Whether the copies of a reference table would take other values. */
export function unlikeDefault(targets: readonly Node[] | undefined, relation: Relation): AssignedDefault | undefined {
  return assignedDefaults(targets, relation).find(({ column }) => mustComputeDefault(column, false, 'copied'));
}

/** Defaults that have one value for the statement, which are computed once for all shards. */
export function defaultEdits(
  targets: readonly Node[] | undefined,
  relation: Relation | undefined,
  text: StatementText,
  computed: ComputedList,
): readonly Edit[] {
  if (relation === undefined) return [];
  return assignedDefaults(targets, relation).flatMap(({ column, location }): Edit[] => {
    const sql = defaultSql(column);
    if (sql === undefined || !isSteadyDefault(column)) return [];
    const at = text.tokenIndexAt(location);
    return [{ start: text.startOf(at), end: text.endOf(at), pieces: [computed.addOnce([sql], undefined)] }];
  });
}
