/** What constraints a table's placement allows: they must hold within a shard. */

import type { Constraint, Node } from 'libpg-query';

import { refuse, type PgReportFields } from '../../base/errors.js';
import type { Placement, Relation } from '../../catalog/schema.js';
import type { PlanContext } from '../tree/context.js';
import { keyFamily } from '../postgres/key-family.js';
import { resolveRelation, undefinedRelation } from '../tree/scope.js';
import { nameParts, rangeVarName } from '../tree/tree.js';

export interface UniqueColumns {
  readonly columns: readonly string[];
  readonly primary: boolean;
}

/** Every unique constraint of a sharded table must hold the whole key. */
export function checkUniqueKeys(
  table: string,
  key: readonly string[],
  uniques: readonly UniqueColumns[],
  fields: PgReportFields,
): void {
  for (const { columns, primary } of uniques) {
    const missing = key.filter((name) => !columns.includes(name));
    if (missing.length === 0) continue;
    const kind = primary ? 'PRIMARY KEY' : 'UNIQUE';
    const extended = [...missing, ...columns].join(', ');
    throw refuse(
      `${kind} (${columns.join(', ')}) on the table "${table}", which is sharded by ${key.join(', ')},`,
      `Put the shard key into it: ${kind} (${extended}); or make "${table}" a reference table: WITH (pgring.placement = 'reference').`,
      fields,
    );
  }
}

/** Rows of a child or a partition are seen through its parent, so both must be placed alike. */
export function checkSamePlacement(
  placement: Placement,
  parent: Relation,
  name: string,
  fields: PgReportFields = {},
): void {
  if (JSON.stringify(placement) === JSON.stringify(parent.placement)) return;
  throw refuse(
    `"${name}" and "${parent.name}" in one tree of tables, which are placed differently,`,
    "Give both the same placement when they are created: WITH (pgring.shard_key = 'column').",
    fields,
  );
}

export interface ForeignKey {
  readonly columns: readonly string[];
  readonly constraint: Constraint;
}

/** The table that constraints are put on, while it may not exist yet. */
interface ConstrainedTable {
  readonly schema: string;
  readonly name: string;
  readonly placement: Placement;
  /** Base type of a column, for comparing key families. */
  typeOf(column: string): number | undefined;
}

/** A foreign key must stay inside a shard or point at a reference table. */
export function checkForeignKey(
  table: ConstrainedTable,
  foreign: ForeignKey,
  context: PlanContext,
  fields: PgReportFields,
): void {
  const range = foreign.constraint.pktable ?? {};
  const name = rangeVarName(range);
  const isSelf = name.name === table.name && (name.schema === undefined || name.schema === table.schema);
  const found = resolveRelation(name, context);
  if (!isSelf && (found === undefined || found === 'catalog')) throw undefinedRelation(name);
  const referenced = found === 'catalog' ? undefined : found;
  const placement = isSelf ? table.placement : (referenced?.placement ?? table.placement);
  if (placement.kind === 'reference') return;
  const source = table.placement;
  const hint = `Make "${name.name}" a reference table: SELECT create_reference_table('${name.name}'); or put the shard keys of both tables into the foreign key.`;
  const construct = `a foreign key from "${table.name}" (${source.kind}) to "${name.name}" (${placement.kind}) that leaves the shard`;
  if (source.kind === 'home' && placement.kind === 'home') return;
  if (source.kind !== 'sharded' || placement.kind !== 'sharded') throw refuse(construct, hint, fields);
  const written = nameParts(foreign.constraint.pk_attrs);
  const attributes =
    written.length > 0 ? written : (referenced?.uniqueKeys.find((unique) => unique.primary)?.columns ?? []);
  const inside =
    source.key.length === placement.key.length &&
    source.key.every((column, index) => {
      const at = foreign.columns.indexOf(column);
      const target = placement.key[index];
      if (at < 0 || target === undefined || attributes[at] !== target) return false;
      const other = isSelf ? table.typeOf(target) : baseTypeOf(referenced, target);
      const own = table.typeOf(column);
      return own !== undefined && other !== undefined && keyFamily(own) === keyFamily(other);
    });
  if (!inside) throw refuse(construct, hint, fields);
}

export function baseTypeOf(relation: Relation | undefined, column: string): number | undefined {
  return relation?.columns.find((candidate) => candidate.name === column)?.baseTypeOid;
}

/** The unique constraints and foreign keys among table constraints. */
export function tableConstraints(nodes: readonly Node[]): {
  uniques: UniqueColumns[];
  foreign: ForeignKey[];
  exclusion: boolean;
} {
  const uniques: UniqueColumns[] = [];
  const foreign: ForeignKey[] = [];
  let exclusion = false;
  for (const node of nodes) {
    if (!('Constraint' in node)) continue;
    const constraint = node.Constraint;
    const columns = nameParts(constraint.keys);
    if (constraint.contype === 'CONSTR_PRIMARY' || constraint.contype === 'CONSTR_UNIQUE') {
      // A constraint made of an existing index names no columns: the index was checked.
      if (columns.length > 0) uniques.push({ columns, primary: constraint.contype === 'CONSTR_PRIMARY' });
    } else if (constraint.contype === 'CONSTR_FOREIGN') {
      foreign.push({ columns: nameParts(constraint.fk_attrs), constraint });
    } else if (constraint.contype === 'CONSTR_EXCLUSION') {
      exclusion = true;
    }
  }
  return { uniques, foreign, exclusion };
}

/** The same among a column's own constraints. */
export function columnConstraints(
  column: string,
  nodes: readonly Node[],
): { uniques: UniqueColumns[]; foreign: ForeignKey[] } {
  const uniques: UniqueColumns[] = [];
  const foreign: ForeignKey[] = [];
  for (const node of nodes) {
    if (!('Constraint' in node)) continue;
    const constraint = node.Constraint;
    if (constraint.contype === 'CONSTR_PRIMARY' || constraint.contype === 'CONSTR_UNIQUE') {
      uniques.push({ columns: [column], primary: constraint.contype === 'CONSTR_PRIMARY' });
    } else if (constraint.contype === 'CONSTR_FOREIGN') {
      foreign.push({ columns: [column], constraint });
    }
  }
  return { uniques, foreign };
}
