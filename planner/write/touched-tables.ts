/** Which tables the parts of a statement read and write, so that parts can be run one after the other. */

import type { Node, RangeVar } from 'libpg-query';

import type { Relation } from '../../catalog/schema.js';
import { callsReadTables } from '../checks/check-implied.js';
import { conductOf } from '../code/read-routine.js';
import type { PlanContext } from '../tree/context.js';
import { resolveRelation } from '../tree/scope.js';
import { rangeVarName, walkNodes } from '../tree/tree.js';

/** Oids of relations, or all that there are. */
type Oids = ReadonlySet<number> | 'any';

interface Touched {
  readonly reads: Oids;
  readonly writes: Oids;
}

/** `common`: names of WITH queries, which hide tables. */
export function touchedBy(part: Node, common: ReadonlySet<string>, context: PlanContext): Touched {
  const reads = new Set<number>();
  const writes = new Set<number>();
  let readsAny = callsReadTables([part], context);
  let writesAny = false;
  const find = (range: RangeVar | undefined): Relation | undefined => {
    if (range === undefined) return undefined;
    if (range.schemaname === undefined && common.has(range.relname ?? '')) return undefined;
    const found = resolveRelation(rangeVarName(range), context);
    if (found === 'catalog') readsAny = true;
    return found === 'catalog' ? undefined : found;
  };
  const read = (relation: Relation | undefined): void => {
    if (relation === undefined) return;
    reads.add(relation.oid);
    for (const oid of relation.reads) reads.add(oid);
    // A tree of tables has its rows in other relations.
    if (relation.isInherited) readsAny = true;
  };
  const write = (relation: Relation | undefined): void => {
    if (relation === undefined) return;
    if (relation.isInherited || relation.kind === 'view' || relation.hasRules) writesAny = true;
    writes.add(relation.oid);
    for (const other of context.catalog.relations()) if (other.references.includes(relation.oid)) writes.add(other.oid);
    if (triggersTouch(relation, context)) writesAny = true;
  };
  walkNodes([part], (node) => {
    if ('RangeVar' in node) read(find(node.RangeVar));
    if ('InsertStmt' in node) {
      const target = find(node.InsertStmt.relation);
      write(target);
      if (node.InsertStmt.onConflictClause !== undefined) read(target);
    }
    const changed =
      'UpdateStmt' in node
        ? node.UpdateStmt.relation
        : 'DeleteStmt' in node
          ? node.DeleteStmt.relation
          : 'MergeStmt' in node
            ? node.MergeStmt.relation
            : undefined;
    const target = find(changed);
    read(target);
    write(target);
    return true;
  });
  return { reads: readsAny ? 'any' : reads, writes: writesAny ? 'any' : writes };
}

/** Whether some trigger's function looks at tables, or may. */
function triggersTouch(relation: Relation, { catalog, searchPath }: PlanContext): boolean {
  return catalog.code.ofRelation(relation.oid).triggers.some((trigger) => {
    const routine = catalog.code.routine(trigger.routine);
    if (routine === undefined) return false;
    const conduct = conductOf({ routine, searchPath }, catalog);
    return conduct.unread !== undefined || conduct.reads.size > 0 || conduct.writes.size > 0;
  });
}

/** Whether a part would see what another one has written. */
export function sees(later: Touched, earlier: Touched): boolean {
  return meet(later.reads, earlier.writes);
}

function meet(left: Oids, right: Oids): boolean {
  if (left === 'any') return right === 'any' || right.size > 0;
  if (right === 'any') return left.size > 0;
  return [...left].some((oid) => right.has(oid));
}
