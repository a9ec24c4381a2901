/** ALTER TABLE and CREATE INDEX: what would break a table's placement is refused. */

import type { AlterTableCmd, AlterTableStmt, ColumnDef, IndexStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { qualifiedName, type Relation } from '../../catalog/schema.js';
import type { Numbering } from '../plan/plan.js';
import type { PlanContext } from '../tree/context.js';
import {
  baseTypeOf,
  checkForeignKey,
  checkSamePlacement,
  checkUniqueKeys,
  columnConstraints,
  tableConstraints,
} from '../checks/constraint-rules.js';
import { resolveRelation } from '../tree/scope.js';
import type { StatementText } from '../tree/text.js';
import { functionName, rangeVarName, someNode, typeNameParts } from '../tree/tree.js';

/** The relation that a DDL statement names, when it is known; the server reports what is not there. */
export function namedRelation(
  range: Parameters<typeof rangeVarName>[0] | undefined,
  context: PlanContext,
): Relation | undefined {
  const found = range === undefined ? undefined : resolveRelation(rangeVarName(range), context);
  return found === 'catalog' ? undefined : found;
}

export function checkAlterTable(alter: AlterTableStmt, context: PlanContext, text: StatementText): void {
  const relation = namedRelation(alter.relation, context);
  for (const node of alter.cmds ?? []) {
    if ('AlterTableCmd' in node)
      checkCommand(node.AlterTableCmd, relation, context, text, alter.relation?.location ?? 0);
  }
}

function checkCommand(
  command: AlterTableCmd,
  relation: Relation | undefined,
  context: PlanContext,
  text: StatementText,
  location: number,
): void {
  const position = { position: text.position(location) };
  const key = relation?.placement.kind === 'sharded' ? relation.placement.key : [];
  const isKey = key.includes(command.name ?? '');
  const hint = `Place the table anew first: SELECT undistribute_table('${relation?.name ?? ''}').`;
  const subtype: string = command.subtype ?? '';
  switch (subtype) {
    case 'AT_DropColumn':
      if (isKey) throw refuse(`dropping the shard key "${command.name ?? ''}"`, hint, position);
      break;
    case 'AT_AlterColumnType':
      if (isKey) throw refuse(`changing the type of the shard key "${command.name ?? ''}"`, hint, position);
      break;
    case 'AT_AddConstraint':
    case 'AT_AddColumn':
      if (relation !== undefined) checkAdded(command.def, relation, context, position);
      break;
    case 'AT_AttachPartition':
      checkPartition(command, relation, context, position);
      break;
    case 'AT_AddInherit': {
      const parent = command.def !== undefined && 'RangeVar' in command.def ? command.def.RangeVar : undefined;
      const found = namedRelation(parent, context);
      if (relation !== undefined && found !== undefined)
        checkSamePlacement(relation.placement, found, relation.name, position);
      break;
    }
    default:
      break;
  }
}

function checkAdded(
  definition: Node | undefined,
  relation: Relation,
  context: PlanContext,
  position: { position: number },
): void {
  if (definition === undefined) return;
  const column = 'ColumnDef' in definition ? definition.ColumnDef : undefined;
  const added =
    column === undefined
      ? tableConstraints([definition])
      : { ...columnConstraints(column.colname ?? '', column.constraints ?? []), exclusion: false };
  if (relation.placement.kind === 'sharded') {
    checkUniqueKeys(relation.name, relation.placement.key, added.uniques, position);
    if (added.exclusion)
      throw refuse('an exclusion constraint on a sharded table', 'Make it a reference or home table first.', position);
  }
  if (column !== undefined && relation.placement.kind !== 'home') checkSequenceColumn(column, relation, position);
  if (column !== undefined && relation.placement.kind === 'reference')
    checkVolatileDefault(column.colname ?? '', column.constraints ?? [], position);
  const table = {
    schema: relation.schema,
    name: relation.name,
    placement: relation.placement,
    typeOf: (name: string) => baseTypeOf(relation, name),
  };
  for (const foreign of added.foreign) checkForeignKey(table, foreign, context, position);
}

const serialTypes = /^(small|big)?serial[248]?$/;

/** The new columns of an ALTER TABLE that are numbered: serial and identity ones. */
export function numberedColumns(alter: AlterTableStmt, context: PlanContext): Numbering | undefined {
  const relation = namedRelation(alter.relation, context);
  if (relation === undefined || relation.placement.kind === 'home') return undefined;
  const columns = (alter.cmds ?? []).flatMap((node) => {
    const command = 'AlterTableCmd' in node ? node.AlterTableCmd : undefined;
    const definition = command?.subtype === 'AT_AddColumn' ? command.def : undefined;
    const column = definition !== undefined && 'ColumnDef' in definition ? definition.ColumnDef : undefined;
    if (column === undefined || !isNumbered(column)) return [];
    // ADD COLUMN IF NOT EXISTS leaves one that is there alone.
    return relation.columns.some(({ name }) => name === column.colname) ? [] : [column.colname ?? ''];
  });
  const primaryKey = relation.placement.kind === 'reference' ? primaryKeyOf(relation) : undefined;
  return columns.length === 0 ? undefined : { relation: qualifiedName(relation), columns, primaryKey };
}

function primaryKeyOf(relation: Relation): readonly string[] | undefined {
  return relation.uniqueKeys.find(({ primary }) => primary)?.columns;
}

function isNumbered(column: ColumnDef): boolean {
  const isIdentity = (column.constraints ?? []).some(
    (node) => 'Constraint' in node && node.Constraint.contype === 'CONSTR_IDENTITY',
  );
  return isIdentity || serialTypes.test(typeNameParts(column.typeName).name);
}

/** A new column whose default takes from a sequence would be numbered on each shard by itself, wherever it stands there. */
function checkSequenceColumn(column: ColumnDef, relation: Relation, position: { position: number }): void {
  const takes = (column.constraints ?? []).some(
    (node) =>
      'Constraint' in node &&
      someNode(
        node.Constraint.raw_expr,
        (part) => 'FuncCall' in part && functionName(part.FuncCall).name === 'nextval',
      ),
  );
  if (takes) {
    throw refuse(
      `adding the column "${column.colname ?? ''}" with a default from a sequence to a sharded or reference table`,
      'Add it as serial or GENERATED AS IDENTITY, which number the rows that are there; or add it without, UPDATE, then SET DEFAULT.',
      position,
    );
  }
  if (isNumbered(column) && relation.placement.kind === 'reference' && primaryKeyOf(relation) === undefined) {
    throw refuse(
      `adding the numbered column "${column.colname ?? ''}" to a reference table without a primary key`,
      'Its copies could not be told which row has which number: add a primary key first.',
      position,
    );
  }
}

/** ADD COLUMN with a default writes it into all rows: on every copy by itself. */
function checkVolatileDefault(column: string, constraints: readonly Node[], position: { position: number }): void {
  for (const node of constraints) {
    if (!('Constraint' in node) || node.Constraint.contype !== 'CONSTR_DEFAULT') continue;
    const expression = node.Constraint.raw_expr;
    if (expression !== undefined && ('FuncCall' in expression || 'SQLValueFunction' in expression)) {
      throw refuse(
        `adding the column "${column}" with a default that is a function, to a reference table`,
        'Add the column without it, UPDATE the rows, then SET DEFAULT.',
        position,
      );
    }
  }
}

function checkPartition(
  command: AlterTableCmd,
  relation: Relation | undefined,
  context: PlanContext,
  position: { position: number },
): void {
  const range = command.def !== undefined && 'PartitionCmd' in command.def ? command.def.PartitionCmd.name : undefined;
  const partition = namedRelation(range, context);
  if (relation === undefined || partition === undefined) return;
  checkSamePlacement(partition.placement, relation, partition.name, position);
}

export function checkIndex(index: IndexStmt, context: PlanContext, text: StatementText): void {
  const relation = namedRelation(index.relation, context);
  if (index.unique !== true || relation?.placement.kind !== 'sharded') return;
  const columns = (index.indexParams ?? []).flatMap((node) =>
    'IndexElem' in node ? [node.IndexElem.name ?? '(expression)'] : [],
  );
  checkUniqueKeys(relation.name, relation.placement.key, [{ columns, primary: false }], {
    position: text.position(index.relation?.location ?? 0),
  });
}
