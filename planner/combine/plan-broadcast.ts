/**
 * A statement that is combined may need only one of its relations elsewhere: with that one on every shard, as a reference
 * table is, the rest can be gathered from the shards. Which relation is small enough is seen when the statement runs.
 */

import type { SelectStmt } from 'libpg-query';

import { PgError, sqlstate } from '../../base/errors.js';
import { qualifiedName, type CatalogSnapshot, type Relation } from '../../catalog/schema.js';
import { requireAlike } from '../checks/alike.js';
import { Binder } from '../bind/bind.js';
import { checkCalls } from '../checks/checks.js';
import { ComputedList } from '../checks/computed.js';
import type { PlanContext } from '../tree/context.js';
import { DistributionCheck } from '../route/distribution.js';
import { callsOf } from '../code/functions.js';
import type { Broadcast, Shipment } from '../plan/plan.js';
import { shipmentEdits } from './plan-combine.js';
import { planScatter } from '../scatter/plan-scatter.js';
import { spreadOf } from '../route/spread.js';
import { namesSystemColumns } from '../checks/system-columns.js';
import { someNode } from '../tree/tree.js';

/** With more relations than that, planning each of them anew costs more than it is likely to save. */
const MAXIMUM_RELATIONS = 4;

/** The relations that may be broadcast, each with the plan for that. */
export function planBroadcasts(
  select: SelectStmt,
  shipments: readonly Shipment[],
  binder: Binder,
): readonly Broadcast[] {
  const sharded = shipments.filter(({ always }) => always).length;
  const outside = someNode(select, (node) => 'RangeTableSample' in node || 'LockingClause' in node);
  // Hidden columns are copies of the statement's text, in which no relation may stand.
  const copied = someNode([select.sortClause, select.targetList], (node) => 'SubLink' in node);
  if (sharded < 2 || sharded > MAXIMUM_RELATIONS || outside || copied || namesSystemColumns([select])) return [];
  if (mayDiffer(select, binder.context)) return [];
  return shipments.flatMap(({ relation, always }, shipment): Broadcast[] => {
    const found = always
      ? [...binder.context.catalog.relations()].find((each) => qualifiedName(each) === relation)
      : undefined;
    const plan = found === undefined ? undefined : planBroadcast(select, found, shipment, binder);
    return plan === undefined ? [] : [plan];
  });
}

/** Whether a part that reads the broadcast relation alone may give one shard another answer than the next. */
function mayDiffer(select: SelectStmt, context: PlanContext): boolean {
  const nested = { ...select, limitCount: undefined, limitOffset: undefined, distinctClause: undefined };
  return (
    callsOf(select, context).some(({ effect }) => effect !== 'plain' && effect !== 'once') ||
    someNode(
      nested,
      (node) =>
        ('FuncCall' in node && node.FuncCall.over !== undefined) ||
        ('SelectStmt' in node &&
          (node.SelectStmt.limitCount !== undefined ||
            node.SelectStmt.limitOffset !== undefined ||
            node.SelectStmt.distinctClause !== undefined)),
    )
  );
}

function planBroadcast(
  select: SelectStmt,
  relation: Relation,
  shipment: number,
  { context, text }: Binder,
): Broadcast | undefined {
  const everywhere = { ...context, catalog: withReference(context.catalog, relation) } satisfies PlanContext;
  const binder = new Binder(everywhere, text);
  const query = binder.bindNode({ SelectStmt: select }, undefined, new Map());
  const spread = spreadOf(query);
  if (spread.home || spread.sharded.length === 0) return undefined;
  try {
    const { ungrouped, anchors } = new DistributionCheck(everywhere, text).check(query);
    requireAlike([select], query, binder);
    checkCalls([select], 'several shards', everywhere, text);
    const anchoring = spread.sharded.filter(({ entry }) => anchors.includes(entry));
    const edits = shipmentEdits([{ SelectStmt: select }], qualifiedName(relation), shipment, spread, text);
    const scatter = planScatter(select, query, anchoring, ungrouped, binder, new ComputedList(), edits);
    // What is computed first is asked with the statement's own parameters, not with those that carry rows.
    return scatter.computed.length > 0 ? undefined : { shipment, scatter };
  } catch (error) {
    if (error instanceof PgError && error.sqlstate === sqlstate.featureNotSupported) return undefined;
    throw error;
  }
}

/** The catalog as it would be if the relation were a reference table. */
function withReference(catalog: CatalogSnapshot, relation: Relation): CatalogSnapshot {
  const copy: Relation = { ...relation, placement: { kind: 'reference' } };
  const replaced = (found: Relation | undefined): Relation | undefined => (found === relation ? copy : found);
  return {
    version: catalog.version,
    database: catalog.database,
    serverVersion: catalog.serverVersion,
    isUncommitted: catalog.isUncommitted,
    code: catalog.code,
    relation: (schema, name) => replaced(catalog.relation(schema, name)),
    relationByOid: (oid) => replaced(catalog.relationByOid(oid)),
    relations: () => [...catalog.relations()].map((found) => replaced(found) ?? found),
    functions: (schema, name) => catalog.functions(schema, name),
  };
}
