/**
 * Writes to a reference table that would come out otherwise on another copy, by chance or by the order of rows: the home
 * shard carries them out, and tells beside RETURNING what its rows are now, which the other copies then take over.
 */

import type { Node } from 'libpg-query';

import { refuse, type PgError } from '../../base/errors.js';
import { qualifiedName, quoteIdentifier } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { assignedColumns } from '../bind/bind-modify.js';
import { isView } from '../bind/writable-view.js';
import type { Entry } from '../bind/query.js';
import type { Replication } from '../plan/replication.js';
import { someNode } from '../tree/tree.js';

const OLD_ROWS_VERSION = 180_000;
const MERGE_ROWS_VERSION = 170_000;

/** `why` it cannot be done on each copy: told where this cannot be done either. */
export function replicationOf(node: Node, target: Entry, { context }: Binder, why: () => PgError): Replication {
  const { relation } = target;
  const key = relation?.uniqueKeys.find(({ primary }) => primary)?.columns;
  const { serverVersion, code } = context.catalog;
  const isMerge = 'MergeStmt' in node;
  if (
    relation === undefined ||
    key === undefined ||
    relation.isInherited ||
    relation.hasRules ||
    relation.hasRowSecurity ||
    isView(relation, context) ||
    code.ofRelation(relation.oid).triggers.length > 0 ||
    (isMerge && serverVersion < MERGE_ROWS_VERSION) ||
    renamesRows(node)
  ) {
    throw why();
  }
  const movesKey = assigned(node).some((column) => key.includes(column));
  if (movesKey && serverVersion < OLD_ROWS_VERSION) throw why();
  const stored = relation.columns.filter((column) => column.generated === 'no');
  const alias = quoteIdentifier(target.alias ?? relation.name);
  const names = stored.map(({ name }) => quoteIdentifier(name));
  return {
    relation: qualifiedName(relation),
    columns: names,
    types: stored.map(({ typeOid, baseTypeOid, typeName, collation }) => ({
      typeOid,
      baseTypeOid,
      typeName,
      collation,
    })),
    // Only DEFAULT may be assigned to it, and its values come from a sequence.
    fixed: stored.flatMap(({ identity }, index) => (identity === 'always' ? [index] : [])),
    key: key.map((name) => stored.findIndex((column) => column.name === name)),
    alias,
    action: isMerge ? 'merge' : 'DeleteStmt' in node ? 'delete' : 'update',
    hasOldRows: serverVersion >= OLD_ROWS_VERSION,
  };
}

/** RETURNING WITH (OLD AS …) */
function renamesRows(node: Node): boolean {
  return someNode([node], (part) => 'ReturningOption' in part);
}

function assigned(node: Node): readonly string[] {
  if ('UpdateStmt' in node) return assignedColumns(node.UpdateStmt.targetList);
  if (!('MergeStmt' in node)) return [];
  return (node.MergeStmt.mergeWhenClauses ?? []).flatMap((when) =>
    'MergeWhenClause' in when && when.MergeWhenClause.commandType === 'CMD_UPDATE'
      ? assignedColumns(when.MergeWhenClause.targetList)
      : [],
  );
}

export function refuseMerge(): PgError {
  return refuse('MERGE into a reference table', 'Use INSERT … ON CONFLICT, or UPDATE and INSERT in one transaction.');
}
