/** Advice: a placement for every table, why, and what would be refused under each other one. */

import type { Placement } from '../../catalog/schema.js';
import { foreignKeyHolds, ownRefusals, possibleKeys, refusalsOf, type Refusal } from './constraints.js';
import { judge, type Judgement } from './judge.js';
import { propose } from './propose.js';
import type { AdvisedSchema, AdvisedTable, Choices } from './schema.js';
import { samePlacement, shownName, shownPlacement } from './schema.js';

export interface Alternative {
  readonly placement: Placement;
  /** What pgring would refuse, were this one table placed so. */
  readonly refused: readonly Refusal[];
}

export interface TableAdvice {
  readonly table: AdvisedTable;
  readonly placement: Placement;
  readonly why: readonly string[];
  /** Not empty only for what a person chose. */
  readonly refused: readonly Refusal[];
  readonly alternatives: readonly Alternative[];
}

export interface Advice {
  readonly schema: AdvisedSchema;
  readonly shards: number;
  readonly choices: Choices;
  readonly tables: readonly TableAdvice[];
  /** Tables whose rows lie together, each with the others of its group. */
  readonly groups: readonly (readonly TableAdvice[])[];
  readonly judgement: Judgement;
}

export function advise(schema: AdvisedSchema, shards: number, pinned: Choices): Advice {
  const barred = new Map<number, Placement['kind'][]>();
  const reasons = new Map<number, string[]>();
  for (;;) {
    const choices = propose(schema.tables, { shards, pinned, barred });
    const judgement = judge(schema, choices);
    let isNew = false;
    for (const { table, trigger, why, refused } of judgement.triggers) {
      if (refused !== 'trigger') continue;
      const kind = choices.get(table.oid)?.kind ?? 'home';
      const known = barred.get(table.oid) ?? [];
      if (kind === 'home' || pinned.has(table.oid) || known.includes(kind)) continue;
      barred.set(table.oid, [...known, kind]);
      const said = reasons.get(table.oid) ?? [];
      reasons.set(table.oid, [...said, `${shownKind[kind]} its trigger "${trigger}" ${why}`]);
      isNew = true;
    }
    if (!isNew) return compose(schema, shards, { choices, pinned, reasons }, judgement);
  }
}

const shownKind: Readonly<Record<Placement['kind'], string>> = {
  sharded: 'not sharded:',
  reference: 'no reference table:',
  home: 'not at home:',
};

interface Decision {
  readonly choices: Choices;
  readonly pinned: Choices;
  readonly reasons: ReadonlyMap<number, readonly string[]>;
}

function compose(schema: AdvisedSchema, shards: number, decision: Decision, judgement: Judgement): Advice {
  const { choices } = decision;
  const tables = schema.tables
    .map((table): TableAdvice => {
      const placement = choices.get(table.oid) ?? { kind: 'home' };
      return {
        table,
        placement,
        why: reasonsFor(table, placement, schema.tables, decision),
        refused: refusalsOf(table, placement, schema.tables, choices),
        alternatives: alternativesOf(table, placement, schema.tables, choices),
      };
    })
    .sort((left, right) => (shownName(left.table) < shownName(right.table) ? -1 : 1));
  return { schema, shards, choices, tables, groups: groupsOf(tables), judgement };
}

function reasonsFor(
  table: AdvisedTable,
  placement: Placement,
  tables: readonly AdvisedTable[],
  { choices, pinned, reasons }: Decision,
): readonly string[] {
  const own = reasons.get(table.oid) ?? [];
  if (pinned.has(table.oid)) return ['you chose so', ...own];
  const byOid = new Map(tables.map((each) => [each.oid, each]));
  const placementOf = (each: AdvisedTable): Placement => choices.get(each.oid) ?? { kind: 'home' };
  if (placement.kind === 'sharded') {
    const keys = table.uniqueKeys.map(({ name }) => name);
    const together = table.foreignKeys.flatMap(({ target, columns }) => {
      const found = byOid.get(target);
      if (found === undefined || found.oid === table.oid || placementOf(found).kind !== 'sharded') return [];
      return [`rows lie with those of ${shownName(found)} that (${columns.join(', ')}) points at`];
    });
    return [
      ...(keys.length === 0 ? [] : [`${keys.join(', ')} ${keys.length === 1 ? 'holds' : 'hold'} the key`]),
      ...together,
      ...own,
    ];
  }
  const pointing = tables.flatMap((from) =>
    from.foreignKeys.flatMap(({ name, columns, target }) => {
      if (target !== table.oid || from.oid === table.oid) return [];
      return [`${shownName(from)} (${columns.join(', ')}) points at it by ${name}`];
    }),
  );
  const keys = possibleKeys(table);
  const why: string[] = [...own];
  if (table.hasRules) why.push('it has rules, which run on the home shard only');
  if (table.exclusions.length > 0) why.push(`shards cannot keep ${table.exclusions.join(', ')}`);
  else if (keys.length === 0 && !table.hasRules)
    why.push('no column that can be a key is in all its unique constraints');
  if (placement.kind === 'home') {
    for (const { name, target } of table.foreignKeys) {
      const found = byOid.get(target);
      if (found !== undefined && placementOf(found).kind === 'home' && found.oid !== table.oid)
        why.push(`${name} points at ${shownName(found)}, which is at home`);
    }
    return why;
  }
  if (pointing.length > 0 && keys.length > 0)
    why.push(blocking(table, keys, tables, choices) ?? pointing.slice(0, 3).join('; '));
  else if (keys.length > 0) why.push(`small: ${Math.round(table.rows ?? 0)} rows`);
  return why;
}

/** The foreign keys that keep a table from being sharded by the first key that it could have. */
function blocking(
  table: AdvisedTable,
  keys: readonly string[],
  tables: readonly AdvisedTable[],
  choices: Choices,
): string | undefined {
  const [first] = keys;
  if (first === undefined) return undefined;
  const refused = refusalsOf(table, { kind: 'sharded', key: [first] }, tables, choices);
  if (refused.length === 0) return undefined;
  const names = refused.map(({ constraint }) => constraint);
  const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
  return `sharded by ${first} it would break ${shown}`;
}

/** Each other placement that a person may think of: by its keys and by columns that tie it to others, as a copy, at home. */
function alternativesOf(
  table: AdvisedTable,
  placement: Placement,
  tables: readonly AdvisedTable[],
  choices: Choices,
): readonly Alternative[] {
  const columns = new Set<string>([
    ...possibleKeys(table),
    ...table.uniqueKeys.flatMap((key) => key.columns),
    ...table.foreignKeys.flatMap((key) => key.columns),
  ]);
  const keys = table.columns
    .filter(({ name, family }) => family !== undefined && columns.has(name))
    .map(({ name }): Placement => ({ kind: 'sharded', key: [name] }));
  return [...keys, { kind: 'reference' } as const, { kind: 'home' } as const]
    .filter((other) => !samePlacement(other, placement))
    .map((other) => ({ placement: other, refused: refusalsOf(table, other, tables, choices) }));
}

function groupsOf(tables: readonly TableAdvice[]): readonly (readonly TableAdvice[])[] {
  const sharded = tables.filter(({ placement }) => placement.kind === 'sharded');
  const byOid = new Map(sharded.map((advice) => [advice.table.oid, advice]));
  const groups = new Map(sharded.map((advice) => [advice.table.oid, new Set([advice])]));
  for (const advice of sharded) {
    for (const foreign of advice.table.foreignKeys) {
      const target = byOid.get(foreign.target);
      if (target === undefined || !foreignKeyHolds(foreign, advice, target)) continue;
      const merged = new Set([...(groups.get(advice.table.oid) ?? []), ...(groups.get(target.table.oid) ?? [])]);
      for (const member of merged) groups.set(member.table.oid, merged);
    }
  }
  return [...new Set(groups.values())].map((group) => [...group]).sort((left, right) => right.length - left.length);
}

/** Reads `table=column`, `table=reference` and `table=home`, for --set and the dialogue. */
export function parseWish(
  text: string,
  schema: AdvisedSchema,
): { readonly table: AdvisedTable; readonly placement: Placement } | string {
  const match = /^\s*(\S+?)\s*=\s*(\S+)\s*$/.exec(text);
  if (match === null) return `"${text}" is no choice: write table=column, table=reference or table=home`;
  const [, name = '', value = ''] = match;
  const table = findTable(name, schema);
  if (table === undefined) return `there is no table ${name}`;
  if (value === 'reference' || value === 'home') {
    const refused = ownRefusals(table, { kind: value });
    return refused[0] === undefined ? { table, placement: { kind: value } } : `${name}: ${refused[0].why}`;
  }
  const placement: Placement = { kind: 'sharded', key: value.split(',') };
  const [refused] = ownRefusals(table, placement);
  if (refused === undefined) return { table, placement };
  return `${name} cannot be ${shownPlacement(placement)}: ${refused.constraint}: ${refused.why}`;
}

export function findTable(name: string, { tables }: AdvisedSchema): AdvisedTable | undefined {
  return (
    tables.find((table) => `${table.schema}.${table.name}` === name) ??
    tables.find((table) => shownName(table) === name) ??
    tables.find((table) => table.name === name)
  );
}
