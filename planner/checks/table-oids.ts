/**
 * tableoid in a statement over shipped rows: a copy has an oid of its own, and a shard's oids are not those that the
 * client knows, so the home shard's oid of the table that a row was in travels as one more column.
 */

import type { ColumnRef, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { typeOid } from '../../catalog/type-oid.js';
import { qualifiedName, quoteLiteral, type Relation } from '../../catalog/schema.js';
import { targetEnd } from './computed.js';
import type { PlanContext } from '../tree/context.js';
import type { Edit } from '../parse/splice.js';
import type { Shipment } from '../plan/plan.js';
import { columnName } from '../bind/shape.js';
import type { Spread } from '../route/spread.js';
import { isTableOid } from './system-columns.js';
import type { StatementText } from '../tree/text.js';
import { columnRefParts, isStar, someNode, walkNodes } from '../tree/tree.js';

const COLUMN = 'pgring_tableoid';

/** What is shipped besides the relation's own columns. */
interface ExtraColumn {
  readonly name: string;
  readonly definition: string;
  readonly expression: string;
  readonly type: Shipment['types'][number];
}

export function tableOidColumn(relation: Relation, context: PlanContext): ExtraColumn {
  const tables = [relation, ...(hasChildren(relation) ? shardedChildren(context) : [])];
  const cases = tables.map(
    (table) => `WHEN ${quoteLiteral(qualifiedName(table))}::pg_catalog.regclass THEN ${table.oid}::pg_catalog.oid`,
  );
  return {
    name: COLUMN,
    definition: `${COLUMN} pg_catalog.oid`,
    type: { typeOid: typeOid.oid, baseTypeOid: typeOid.oid, typeName: 'oid', collation: undefined },
    expression: `CASE tableoid ${cases.join(' ')} END`,
  };
}

function hasChildren({ kind, isInherited }: Relation): boolean {
  return kind === 'partitioned table' || isInherited;
}

/** All that are some table's children: whose, is not known here. */
function shardedChildren(context: PlanContext): Relation[] {
  return [...context.catalog.relations()].filter(
    ({ isPartition, isInherited, kind, placement }) =>
      (isPartition || isInherited) && kind === 'table' && placement.kind === 'sharded',
  );
}

/** The relations whose tableoid a statement reads, and the edits that make it read the column. */
export function tableOidEdits(
  roots: readonly Node[],
  spread: Spread,
  text: StatementText,
): { readonly relations: ReadonlySet<Relation>; readonly edits: readonly Edit[] } {
  const relations = new Set<Relation>();
  const edits: Edit[] = [];
  const read = (reference: ColumnRef): void => {
    const relation = relationOf(reference, spread, text);
    if (relation === undefined) return;
    relations.add(relation);
    let last = text.tokenIndexAt(reference.location ?? 0);
    while (text.word(last + 1) === '.') last += 2;
    edits.push({ start: text.startOf(last), end: text.endOf(last), pieces: [COLUMN] });
  };
  walkNodes(roots, (node) => {
    if ('ResTarget' in node && node.ResTarget.name === undefined && node.ResTarget.val !== undefined) {
      const { val, location } = node.ResTarget;
      if (someNode([val], isTableOid) && columnName(val) === 'tableoid') {
        const end = targetEnd(location ?? 0, text);
        edits.push({ start: end, end, pieces: [' AS tableoid'] });
      }
    }
    if ('ColumnRef' in node && isTableOid(node)) read(node.ColumnRef);
    return true;
  });
  if (relations.size > 0 && someNode(roots, (node) => 'ColumnRef' in node && isStar(node.ColumnRef))) {
    throw refuse('tableoid beside *, over several shards', 'Name the columns, or write tableoid::regclass.');
  }
  return { relations, edits };
}

/** Undefined: it is a column of a subquery. */
function relationOf(reference: ColumnRef, spread: Spread, text: StatementText): Relation | undefined {
  const alias = columnRefParts(reference).at(-2);
  const entries = spread.all.map(({ entry }) => entry).filter((entry) => alias === undefined || entry.alias === alias);
  if (entries.length === 0) return undefined;
  const places = new Set(entries.map(({ location }) => location));
  const [entry] = entries;
  if (places.size > 1 || entry?.kind !== 'sharded' || entry.relation === undefined) {
    throw refuse(
      'tableoid of this table, over several shards',
      'Give each table an alias; ask for it of sharded tables.',
      {
        position: text.position(reference.location ?? 0),
      },
    );
  }
  return entry.relation;
}
