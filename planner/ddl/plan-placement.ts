/** SELECT create_distributed_table(…), create_reference_table(…), undistribute_table(…): the names Citus users know. */

import type { SelectStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { quotedParts } from '../../catalog/names.js';
import { checkUniqueKeys } from '../checks/constraint-rules.js';
import { isHashable } from '../postgres/key-family.js';
import { argumentsOf, literalArgument, loneCall } from '../bind/lone-call.js';
import type { Plan } from '../plan/plan.js';
import { resolveRelation, undefinedRelation } from '../tree/scope.js';
import { functionName, splitName } from '../tree/tree.js';

const functions: ReadonlySet<string> = new Set([
  'create_distributed_table',
  'create_reference_table',
  'undistribute_table',
]);

export function planPlacementCall(select: SelectStmt, binder: Binder): Plan | undefined {
  const lone = loneCall(select);
  if (lone === undefined) return undefined;
  const { name } = functionName(lone.call);
  if (!functions.has(name)) return undefined;
  const { text, context } = binder;
  text.dependsOnLiterals = true;
  const [tableNode, columnNode] = argumentsOf(lone.call, ['table_name', 'distribution_column']);
  const table = literalArgument(tableNode);
  const position = { position: text.position(lone.call.location ?? 0) };
  if (table === undefined)
    throw refuse(`${name}() with a table that is not a literal`, `Name it: SELECT ${name}('table').`, position);
  const qualified = splitName(quotedParts(table));
  const relation = resolveRelation(qualified, context);
  if (relation === undefined || relation === 'catalog') throw undefinedRelation(qualified, position.position);
  if (relation.kind !== 'table' && relation.kind !== 'partitioned table') {
    throw refuse(`the placement of a ${relation.kind}`, 'Only tables have a placement.', position);
  }
  if (relation.isTemporary) {
    throw refuse('the placement of a temporary table', 'It lies on its own session alone.', position);
  }
  const { schema, name: relationName } = relation;
  if (relation.isInherited || relation.isPartition) {
    throw refuse(
      `a new placement of "${relationName}", which is ${relation.isPartition ? 'a partition' : 'in a tree of inheritance'},`,
      relation.isPartition
        ? 'Place the partitioned table: its partitions go with it.'
        : 'Create the tables with their placement, or take the child out of the tree first (NO INHERIT).',
      position,
    );
  }
  const base = { kind: 'place table', schema, name: relationName, column: lone.column } as const;
  if (name === 'create_reference_table') return { ...base, placement: { kind: 'reference' } };
  if (name === 'undistribute_table') return { ...base, placement: { kind: 'home' } };
  const columns = literalArgument(columnNode);
  if (columns === undefined) {
    throw refuse(
      'create_distributed_table() without a column that is a literal',
      `SELECT create_distributed_table('${relationName}', 'column').`,
      position,
    );
  }
  const key = columns.split(',').map((part) => splitName(quotedParts(part.trim())).name);
  checkKey(relation, key, position);
  return { ...base, placement: { kind: 'sharded', key } };
}

function checkKey(relation: Relation, key: readonly string[], position: { position: number }): void {
  for (const name of key) {
    const column = relation.columns.find((candidate) => candidate.name === name);
    if (column === undefined) {
      throw refuse(`the shard key "${name}", which "${relation.name}" has not,`, 'Name one of its columns.', position);
    }
    if (!isHashable(column.baseTypeOid) || column.generated !== 'no') {
      throw refuse(
        `the shard key "${name}" of type ${column.typeName}`,
        'Choose a column of a number, text, uuid, date or time type that is not generated.',
        position,
      );
    }
  }
  checkUniqueKeys(
    relation.name,
    key,
    relation.uniqueKeys.map(({ columns, primary }) => ({ columns, primary })),
    position,
  );
}
