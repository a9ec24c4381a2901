/** Makes the code of a database of the rows that the queries gave. */

import {
  makeDatabaseCode,
  type DatabaseCode,
  type Declaration,
  type RelationCode,
  type Routine,
  type Trigger,
} from './code.js';
import type { CodeRows, RoutineRow, TriggerRow } from './load-code-sql.js';
import { readTriggerType } from './trigger-type.js';

const kinds: Readonly<Record<string, Routine['kind']>> = {
  f: 'function',
  a: 'aggregate',
  w: 'window',
  p: 'procedure',
};

const volatilities: Readonly<Record<string, Routine['volatility']>> = { i: 'immutable', s: 'stable', v: 'volatile' };

/** `partitions`: each partition with its parent. */
export function buildDatabaseCode(
  rows: CodeRows,
  partitions: readonly (readonly [partition: number, parent: number])[],
  declarations: ReadonlyMap<number, Declaration>,
): DatabaseCode {
  const uses = new Map<string, number[]>();
  for (const [catalog, user, , routine] of rows.uses) add(uses, `${catalog}.${user}`, routine);
  const usesOf = (catalog: string, oid: number): readonly number[] => uses.get(`${catalog}.${oid}`) ?? [];
  const operators = new Map<string, number[]>();
  for (const [name, routine] of rows.operators) add(operators, name, routine);
  return makeDatabaseCode({
    routines: rows.routines.map((row) => buildRoutine(row, usesOf('pg_proc', row[0]), declarations.get(row[0]))),
    hidden: hiddenRoutines(rows.uses),
    operators,
    relations: buildRelationCode(rows, partitions, usesOf),
  });
}

function add<Key>(map: Map<Key, number[]>, key: Key, value: number): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [value]);
  else found.push(value);
}

const hiding: ReadonlySet<string> = new Set(['pg_cast', 'pg_type', 'pg_range', 'pg_opclass', 'pg_amproc']);

function hiddenRoutines(uses: CodeRows['uses']): readonly number[] {
  return [...new Set(uses.flatMap(([catalog, , , routine]) => (hiding.has(catalog) ? [routine] : [])))];
}

function buildRoutine(row: RoutineRow, uses: readonly number[], declaration: Declaration | undefined): Routine {
  const [oid, schema, name, kind, language, volatility, returnsSet, returnType, defaults, source, sqlBody] = row;
  const [, , , , , , , , , , , settings, extension, args, isTemporary, returnsRow, isGuarded] = row;
  const path = settings?.find((setting) => setting.startsWith('search_path='));
  return Object.freeze({
    oid,
    schema,
    name,
    kind: kinds[kind] ?? 'function',
    language,
    volatility: volatilities[volatility] ?? 'volatile',
    returnsSet,
    returnType,
    arguments: Object.freeze(
      (args ?? []).map(([argument, mode, typeOid, typeKind, typeName, shown]) =>
        Object.freeze({
          name: argument ?? '',
          mode,
          typeName: shown,
          typeOid,
          isComposite: typeKind === 'c' || (typeKind === 'p' && !typeName.startsWith('_')),
        }),
      ),
    ),
    defaults,
    source: source ?? undefined,
    sqlBody: sqlBody ?? undefined,
    searchPath: path?.slice('search_path='.length),
    extension: extension ?? undefined,
    isTemporary,
    returnsRow,
    isGuarded,
    uses,
    declaration,
  });
}

function buildTrigger(
  [oid, , name, routine, type, enabled, transitionTables]: TriggerRow,
  usesOf: (catalog: string, oid: number) => readonly number[],
): Trigger {
  return Object.freeze({
    name,
    routine,
    ...readTriggerType(type),
    transitionTables,
    enabled,
    uses: usesOf('pg_trigger', oid).filter((used) => used !== routine),
  });
}

type Building = { -readonly [name in keyof RelationCode]: RelationCode[name][number][] };

function buildRelationCode(
  rows: CodeRows,
  partitions: readonly (readonly [partition: number, parent: number])[],
  usesOf: (catalog: string, oid: number) => readonly number[],
): ReadonlyMap<number, RelationCode> {
  const found = new Map<number, Building>();
  const parents = new Map(partitions);
  /** The relation and those whose partition it is: what they run, it may run for them. */
  const each = (relation: number, visit: (code: Building) => void): void => {
    for (let at: number | undefined = relation; at !== undefined; at = parents.get(at)) {
      let code = found.get(at);
      if (code === undefined) {
        code = { inRules: [], inDefaults: [], inChecks: [], triggers: [], policies: [], rules: [], cascades: [] };
        found.set(at, code);
      }
      visit(code);
    }
  };
  for (const [catalog, , relation, routine] of rows.uses) {
    if (relation === null) continue;
    each(relation, (code) => {
      if (catalog === 'pg_rewrite') code.inRules.push(routine);
      else if (catalog === 'pg_attrdef') code.inDefaults.push(routine);
      else code.inChecks.push(routine);
    });
  }
  for (const row of rows.triggers) {
    const trigger = buildTrigger(row, usesOf);
    each(row[1], (code) => {
      // The triggers of a partitioned table are made again for each partition.
      if (!code.triggers.some(({ name, routine }) => name === trigger.name && routine === trigger.routine))
        code.triggers.push(trigger);
    });
  }
  for (const [relation, name, using, check] of rows.policies) {
    const expressions = [using, check].filter((expression) => expression !== null);
    each(relation, (code) => code.policies.push({ name, expressions }));
  }
  for (const [relation, definition] of rows.rules) each(relation, (code) => code.rules.push(definition));
  for (const [referenced, referencing] of rows.cascades) {
    each(referenced, (code) => code.cascades.push(referencing));
  }
  for (const code of found.values()) Object.freeze(code);
  return found;
}
