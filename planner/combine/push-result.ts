/** A subquery that the shards answer by themselves: its result is shipped in the place of what it reads. */

import { quoteIdentifier } from '../../catalog/schema.js';
import { cannotFail } from '../checks/failing.js';
import { readsColumns } from '../code/functions.js';
import type { SqlPiece } from '../plan/plan.js';
import { printCondition } from './print-condition.js';
import {
  resultRouting,
  returnsSet,
  shipmentOfColumns,
  shippedAlias,
  shippedName,
  verbatim,
  type Level,
  type PushedQuery,
} from './push-level.js';
import { shapeOf } from '../bind/shape.js';
import { someNode } from '../tree/tree.js';

export function pushResult(level: Level): PushedQuery | undefined {
  const { select, query, written, isTop } = level;
  // The order of a subquery's rows shows, although nothing promises it.
  const isOrdered =
    select.sortClause !== undefined || select.limitCount !== undefined || select.limitOffset !== undefined;
  if (isTop || isOrdered || select.withClause !== undefined || !isWorthPushing(level)) return undefined;
  if (returnsSet(select.targetList, level) || !cannotFail([select.targetList, select.havingClause])) return undefined;
  const types = query.outputs.flatMap(({ type }) => (type?.declared === undefined ? [] : [type.declared]));
  const isTyped = types.length === query.outputs.length && types.length > 0;
  const routing = isTyped ? resultRouting(level) : undefined;
  if (routing === undefined) return undefined;
  const columns = types.map((type, index) => ({ sql: [shippedName(index)], type }));
  const names = columns.map((_, index) => shippedName(index)).join(', ');
  return {
    shipment: shipmentOfColumns(columns, routing, [
      'SELECT * FROM (',
      ...verbatim(level, written.whole),
      `) AS pgring_result (${names})`,
      ...outsideFilter(level),
    ]),
    covered: [written.whole],
    edits: (index) => {
      const items = query.outputs.map(
        ({ name }, column) => `${shippedAlias(index)}.${shippedName(column)} AS ${quoteIdentifier(name)}`,
      );
      const pieces = [
        `SELECT ${items.join(', ')} FROM `,
        { kind: 'relation', shipment: index } as const,
        ` AS ${shippedAlias(index)}`,
      ];
      return [{ ...written.whole, pieces }];
    },
  };
}

/** Whether its result is less than its relations' rows, or takes work to make. */
function isWorthPushing({ select, binder, occurrences }: Level): boolean {
  const shape = shapeOf(select, binder.context);
  return (
    select.groupClause !== undefined ||
    select.distinctClause !== undefined ||
    shape.aggregates.length > 0 ||
    shape.windows.length > 0 ||
    (select.whereClause !== undefined && occurrences.filter(({ entry }) => entry.kind === 'sharded').length > 1) ||
    someNode(select.whereClause, (node) => 'SubLink' in node)
  );
}

/** What is around wants of its rows. */
function outsideFilter({ outside, query, binder }: Level): readonly SqlPiece[] {
  const filters = outside.flatMap(({ node, resolve }) => {
    if (!readsColumns(node)) return [];
    const pieces = printCondition(
      node,
      (reference) => {
        const term = resolve(reference);
        const index = term === undefined ? -1 : query.outputs.findIndex((output) => output.term === term);
        return index < 0 ? undefined : shippedName(index);
      },
      binder.context,
      binder.text,
    );
    return pieces === undefined ? [] : [pieces];
  });
  return filters.flatMap((pieces, index) => [index === 0 ? ' WHERE ' : ' AND ', ...pieces]);
}
