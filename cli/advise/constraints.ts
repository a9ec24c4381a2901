/** Which constraints of a table hold under a placement: the rules of planner/ddl-rules.ts, for tables that exist. */

import type { Placement } from '../../catalog/schema.js';
import type { AdvisedTable, Choices, ForeignKey } from './schema.js';
import { shownName, shownPlacement } from './schema.js';

/** What pgring would refuse, and why. */
export interface Refusal {
  /** The constraint's name, or what it is where it has none. */
  readonly constraint: string;
  readonly why: string;
}

/** Columns by which the table may be sharded as far as its own constraints go. */
export function possibleKeys(table: AdvisedTable): readonly string[] {
  if (table.hasRules || table.exclusions.length > 0) return [];
  return table.columns
    .filter(({ name, family }) => family !== undefined && table.uniqueKeys.every((key) => key.columns.includes(name)))
    .map(({ name }) => name);
}

/** What the table itself does not allow. */
export function ownRefusals(table: AdvisedTable, placement: Placement): readonly Refusal[] {
  const refusals: Refusal[] = [];
  if (placement.kind !== 'home' && table.hasRules)
    refusals.push({ constraint: 'rules', why: 'a table with rules is written to on the home shard only' });
  if (placement.kind !== 'sharded') return refusals;
  for (const column of placement.key) {
    const found = table.columns.find(({ name }) => name === column);
    if (found === undefined) refusals.push({ constraint: column, why: 'the table has no such column' });
    else if (found.family === undefined)
      refusals.push({ constraint: column, why: `a column of type ${found.typeName} is no shard key` });
  }
  for (const { name, columns, primary } of table.uniqueKeys) {
    const missing = placement.key.filter((column) => !columns.includes(column));
    if (missing.length === 0) continue;
    const kind = primary ? 'PRIMARY KEY' : 'UNIQUE';
    const why = `${kind} (${columns.join(', ')}) lacks the shard key; ${kind} (${[...missing, ...columns].join(', ')}) would do`;
    refusals.push({ constraint: name, why });
  }
  for (const name of table.exclusions)
    refusals.push({ constraint: name, why: 'shards cannot exclude one another’s rows' });
  return refusals;
}

/** Whether all rows that a foreign key ties together lie on one shard, or the target's lie on all. */
export function foreignKeyHolds(
  foreign: ForeignKey,
  { table: from, placement: source }: { readonly table: AdvisedTable; readonly placement: Placement },
  { table: to, placement: target }: { readonly table: AdvisedTable; readonly placement: Placement },
): boolean {
  if (target.kind === 'reference') return true;
  if (source.kind === 'home') return target.kind === 'home';
  if (source.kind !== 'sharded' || target.kind !== 'sharded') return false;
  if (source.key.length !== target.key.length) return false;
  return source.key.every((column, index) => {
    const at = foreign.columns.indexOf(column);
    const aimed = target.key[index];
    if (at < 0 || aimed === undefined || foreign.targetColumns[at] !== aimed) return false;
    const family = familyOf(from, column);
    return family !== undefined && family === familyOf(to, aimed);
  });
}

export function familyOf(table: AdvisedTable, column: string): number | undefined {
  return table.columns.find(({ name }) => name === column)?.family;
}

/** All that would be refused if the table were placed so, and the others as chosen. */
export function refusalsOf(
  table: AdvisedTable,
  placement: Placement,
  tables: readonly AdvisedTable[],
  choices: Choices,
): readonly Refusal[] {
  const placementOf = (other: AdvisedTable): Placement =>
    other.oid === table.oid ? placement : (choices.get(other.oid) ?? { kind: 'home' });
  const refusals = [...ownRefusals(table, placement)];
  for (const from of tables) {
    for (const foreign of from.foreignKeys) {
      if (from.oid !== table.oid && foreign.target !== table.oid) continue;
      const to = tables.find(({ oid }) => oid === foreign.target);
      if (to === undefined) continue;
      const source = { table: from, placement: placementOf(from) };
      const target = { table: to, placement: placementOf(to) };
      if (foreignKeyHolds(foreign, source, target)) continue;
      const shown = ({ table: each, placement: where }: typeof source): string =>
        `${shownName(each)} (${shownPlacement(where)})`;
      refusals.push({
        constraint: foreign.name,
        why: `FOREIGN KEY (${foreign.columns.join(', ')}) from ${shown(source)} to ${shown(target)} leaves the shard`,
      });
    }
  }
  return refusals;
}
