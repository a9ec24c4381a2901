/** CREATE TABLE: where its rows will live, and whether its constraints can hold there. */

import type { ColumnDef, CreateStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Placement, Relation } from '../../catalog/schema.js';
import type { PlanContext } from '../tree/context.js';
import {
  checkForeignKey,
  checkSamePlacement,
  checkUniqueKeys,
  columnConstraints,
  tableConstraints,
  type ForeignKey,
  type UniqueColumns,
} from '../checks/constraint-rules.js';
import { quotedParts } from '../../catalog/names.js';
import { ownOptions, refusePlacement, stripOptions } from './placement-options.js';
import { builtinType, isHashable } from '../postgres/key-family.js';
import { typeOid } from '../../catalog/type-oid.js';
import type { Plan, PlacementChange } from '../plan/plan.js';
import { isTemporaryTarget, resolveRelation, undefinedRelation } from '../tree/scope.js';
import type { Edit } from '../parse/splice.js';
import type { StatementText } from '../tree/text.js';
import { rangeVarName, splitName, stringValue, typeNameParts } from '../tree/tree.js';

interface NewColumn {
  readonly name: string;
  /** Base type oid; undefined for types that are no keys. */
  readonly type: number | undefined;
}

interface NewTable {
  readonly columns: readonly NewColumn[];
  readonly uniques: readonly UniqueColumns[];
  readonly foreign: readonly ForeignKey[];
  readonly hasExclusion: boolean;
}

type PlacementOption = { readonly placement: Placement; readonly explicit: true } | undefined;

function typeOfColumn(definition: ColumnDef): number | undefined {
  const type = definition.typeName;
  if ((type?.arrayBounds?.length ?? 0) > 0) return undefined;
  const { schema, name } = typeNameParts(type);
  return builtinType(schema, name);
}

function describe(
  create: CreateStmt,
  parent: Relation | undefined,
  context: PlanContext,
  text: StatementText,
): NewTable {
  const columns: NewColumn[] = (parent?.columns ?? []).map((column) => ({
    name: column.name,
    type: column.baseTypeOid,
  }));
  const uniques: UniqueColumns[] = [];
  const foreign: ForeignKey[] = [];
  let hasExclusion = false;
  for (const element of create.tableElts ?? []) {
    if ('ColumnDef' in element) {
      const definition = element.ColumnDef;
      const name = definition.colname ?? '';
      const isGenerated = definition.constraints?.some(
        (node) => 'Constraint' in node && node.Constraint.contype === 'CONSTR_GENERATED',
      );
      columns.push({ name, type: isGenerated === true ? undefined : typeOfColumn(definition) });
      const own = columnConstraints(name, definition.constraints ?? []);
      uniques.push(...own.uniques);
      foreign.push(...own.foreign);
    } else if ('TableLikeClause' in element) {
      const source = likeSource(element, context, text);
      for (const column of source.columns) columns.push({ name: column.name, type: column.baseTypeOid });
      // INCLUDING INDEXES is bit 6, ALL is all bits (CREATE_TABLE_LIKE_INDEXES, src/include/nodes/parsenodes.h).
      if (((element.TableLikeClause.options ?? 0) & 0x40) !== 0) uniques.push(...source.uniqueKeys);
    }
  }
  const constraints = tableConstraints(create.tableElts ?? []);
  uniques.push(...constraints.uniques);
  foreign.push(...constraints.foreign);
  hasExclusion ||= constraints.exclusion;
  return { columns, uniques, foreign, hasExclusion };
}

function likeSource(
  element: Extract<Node, { TableLikeClause: unknown }>,
  context: PlanContext,
  text: StatementText,
): Relation {
  const range = element.TableLikeClause.relation ?? {};
  const name = rangeVarName(range);
  const found = resolveRelation(name, context);
  if (found === undefined) throw undefinedRelation(name, text.position(range.location ?? 0));
  if (found === 'catalog') throw refuse('CREATE TABLE … LIKE a catalog relation', 'Write the columns out.');
  if (found.isTemporary) throw refuse('CREATE TABLE … LIKE a temporary table', 'Use CREATE TABLE … AS … WITH NO DATA.');
  return found;
}

/** The options of WITH that are pgring's. */
function readOptions(create: CreateStmt, columns: readonly NewColumn[], text: StatementText): PlacementOption {
  let placement: Placement | undefined;
  for (const option of ownOptions(create.options)) {
    const position = { position: text.position(option.location) };
    const value = optionText(option.value);
    if (option.name === 'shard_key') {
      const key = value.split(',').map((part) => splitName(quotedParts(part.trim())).name);
      for (const name of key) {
        const column = columns.find((candidate) => candidate.name === name);
        if (column === undefined)
          throw refuse(`the shard key "${name}", which the table has not,`, 'Name one of its columns.', position);
        if (column.type === undefined || !isHashable(column.type)) {
          throw refuse(
            `the shard key "${name}" of this type`,
            'Choose a column of a number, text, uuid, date or time type that is not generated.',
            position,
          );
        }
      }
      placement = { kind: 'sharded', key };
    } else if (option.name === 'placement' && (value === 'reference' || value === 'home')) {
      placement = { kind: value };
    } else {
      throw refuse(
        `the option pgring.${option.name} = '${value}'`,
        "Use pgring.shard_key = 'column' or pgring.placement = 'reference' | 'home'.",
        position,
      );
    }
  }
  return placement === undefined ? undefined : { placement, explicit: true };
}

function optionText(node: Node | undefined): string {
  if (node === undefined) return '';
  if ('TypeName' in node) return typeNameParts(node.TypeName).name;
  return stringValue(node) ?? '';
}

/** Types that would make a poor key, though they can be hashed: few values. */
const poorKeys: ReadonlySet<number> = new Set([typeOid.bool, typeOid.interval, typeOid.float4, typeOid.float8]);

/** The placement of a table that says nothing about it. */
function defaultPlacement(table: NewTable): Placement {
  const primary = table.uniques.find((unique) => unique.primary);
  const candidates = primary?.columns ?? table.columns.map((column) => column.name);
  const allowed = candidates.filter((name) => {
    const type = table.columns.find((column) => column.name === name)?.type;
    return type !== undefined && isHashable(type) && !poorKeys.has(type);
  });
  // A key that every unique constraint holds needs no refusal.
  const fitting = allowed.find((name) => table.uniques.every((unique) => unique.columns.includes(name)));
  const key = primary === undefined ? (fitting ?? allowed[0]) : allowed[0];
  return key === undefined ? { kind: 'home' } : { kind: 'sharded', key: [key] };
}

function hintFor(placement: Placement): string {
  return placement.kind === 'sharded'
    ? "Choose otherwise with CREATE TABLE … WITH (pgring.shard_key = 'column') or WITH (pgring.placement = 'reference' | 'home')."
    : "It has no column to shard by. Choose with CREATE TABLE … WITH (pgring.shard_key = 'column') or WITH (pgring.placement = 'reference').";
}

/** What a new temporary table cannot have: a placement, and permanent parents, whose rows would be on other shards. */
export function checkTemporaryTable(create: CreateStmt, context: PlanContext, text: StatementText): void {
  if (!isTemporaryTarget(create.relation ?? {}, context)) return;
  const [option] = ownOptions(create.options);
  if (option !== undefined) throw refusePlacement(option, text);
  for (const node of create.inhRelations ?? []) {
    const range = 'RangeVar' in node ? node.RangeVar : {};
    const parent = resolveRelation(rangeVarName(range), context);
    if (parent === undefined || parent === 'catalog' || parent.isTemporary) continue;
    throw refuse('a temporary table that inherits from a permanent one', 'Use CREATE TEMP TABLE … (LIKE …).', {
      position: text.position(range.location ?? 0),
    });
  }
}

export function planCreateTable(create: CreateStmt, context: PlanContext, text: StatementText): Plan {
  const range = create.relation ?? {};
  const { schema, name } = rangeVarName(range);
  if (create.ofTypename !== undefined) throw refuse('CREATE TABLE … OF a type', 'Write the columns out.');
  const targetSchema = schema ?? context.searchPath[0] ?? 'public';
  const parent = parentOf(create, context);
  const isThere = create.if_not_exists === true && context.catalog.relation(targetSchema, name) !== undefined;
  const table = describe(create, parent, context, text);
  const option = readOptions(create, table.columns, text);
  if (parent !== undefined && option !== undefined) checkSamePlacement(option.placement, parent, name);
  const edits = stripOptions(create.options, text);
  if (isThere) return ddl(text, edits, [], []);
  const rule =
    parent === undefined
      ? context.rules.ruleFor(
          targetSchema,
          name,
          table.columns.map((column) => column.name),
        )
      : undefined;
  const placement = parent?.placement ?? option?.placement ?? usableRule(rule, table) ?? defaultPlacement(table);
  checkConstraints({ schema: targetSchema, name }, placement, parent, table, context, text, range.location ?? 0);
  const isQuiet = option !== undefined || parent !== undefined || rule !== undefined;
  const shown =
    placement.kind === 'sharded'
      ? `is sharded by ${placement.key.map((part) => `"${part}"`).join(', ')}`
      : 'lies on the home shard';
  const notices = isQuiet ? [] : [{ message: `table "${name}" ${shown}`, hint: hintFor(placement) }];
  return ddl(text, edits, [{ kind: 'place', schema: targetSchema, name, placement }], notices);
}

/** A rule for a key that the table has with another type does not apply. */
function usableRule(rule: Placement | undefined, table: NewTable): Placement | undefined {
  if (rule?.kind !== 'sharded') return rule;
  const usable = rule.key.every((name) => {
    const type = table.columns.find((column) => column.name === name)?.type;
    return type !== undefined && isHashable(type);
  });
  return usable ? rule : undefined;
}

/** The table that it is a partition of or inherits from: its rows are seen through it, so they lie where its own do. */
function parentOf(create: CreateStmt, context: PlanContext): Relation | undefined {
  const parents = (create.inhRelations ?? []).map((node) => {
    const range = 'RangeVar' in node ? node.RangeVar : {};
    const name = rangeVarName(range);
    const found = resolveRelation(name, context);
    if (found === undefined || found === 'catalog') throw undefinedRelation(name);
    return found;
  });
  const [first, ...others] = parents;
  for (const other of others) if (first !== undefined) checkSamePlacement(first.placement, other, first.name);
  return first;
}

function checkConstraints(
  named: { schema: string; name: string },
  placement: Placement,
  parent: Relation | undefined,
  table: NewTable,
  context: PlanContext,
  text: StatementText,
  location: number,
): void {
  const position = { position: text.position(location) };
  if (placement.kind === 'sharded') {
    checkUniqueKeys(named.name, placement.key, table.uniques, position);
    if (table.hasExclusion) {
      throw refuse(
        'an exclusion constraint on a sharded table',
        "Make it a reference or home table: WITH (pgring.placement = 'home').",
        position,
      );
    }
  }
  const constrained = {
    ...named,
    placement,
    typeOf: (column: string) =>
      table.columns.find((candidate) => candidate.name === column)?.type ??
      parent?.columns.find((candidate) => candidate.name === column)?.baseTypeOid,
  };
  for (const foreign of table.foreign) checkForeignKey(constrained, foreign, context, position);
}

function ddl(
  text: StatementText,
  edits: readonly Edit[],
  changes: readonly PlacementChange[],
  notices: readonly { message: string; hint: string }[],
): Plan {
  return {
    kind: 'ddl',
    sql: text.template(edits),
    where: 'everywhere',
    transactional: true,
    changes,
    notices,
    changesCatalog: true,
  };
}
