/** What functions of the user's do, with all that they call, read from their bodies. */

import type { Routine } from '../../catalog/code.js';
import type { CatalogSnapshot } from '../../catalog/schema.js';
import { PgError } from '../../base/errors.js';
import { quotedParts } from '../../catalog/names.js';
import type { SessionTrace } from '../postgres/session-trace.js';
import { harmlessExtensions } from '../postgres/function-names.js';
import { traceOf } from '../postgres/trace-functions.js';
import { parseStatements } from '../parse/parser.js';
import type { NamingContext } from '../tree/scope.js';
import { ConductBuilder, type Conduct } from './conduct.js';
import { readPlpgsql, type PlpgsqlBody } from './read-plpgsql.js';
import { SqlReader } from './read-sql.js';
import type { Callee } from './routines.js';
import { scanBody } from './scan-body.js';

/** What one body does, without the bodies that it calls. */
interface Reading {
  readonly conduct: Conduct;
  readonly callees: readonly Callee[];
}

interface Memory {
  readonly readings: Map<string, Reading>;
  readonly conducts: Map<string, Conduct>;
}

/** Bodies are read when they are first called; what was read is forgotten with the catalog that it is about. */
const memories = new WeakMap<CatalogSnapshot, Memory>();

function memoryOf(catalog: CatalogSnapshot): Memory {
  let memory = memories.get(catalog);
  if (memory === undefined) memories.set(catalog, (memory = { readings: new Map(), conducts: new Map() }));
  return memory;
}

function keyOf({ routine, searchPath }: Callee): string {
  return JSON.stringify([routine.oid, ...searchPath]);
}

/** What a call does, through all that it calls. */
export function conductOf(callee: Callee, catalog: CatalogSnapshot): Conduct {
  const memory = memoryOf(catalog);
  const key = keyOf(callee);
  const known = memory.conducts.get(key);
  if (known !== undefined) return known;
  const whole = new ConductBuilder();
  const seen = new Set<string>();
  const pending = [callee];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const nextKey = keyOf(next);
    if (seen.has(nextKey)) continue;
    seen.add(nextKey);
    let reading = memory.readings.get(nextKey);
    if (reading === undefined) memory.readings.set(nextKey, (reading = readRoutine(next, catalog)));
    whole.add(reading.conduct);
    pending.push(...reading.callees);
  }
  memory.conducts.set(key, whole);
  return whole;
}

/** What several calls do together. */
export function conductOfAll(callees: readonly Callee[], catalog: CatalogSnapshot): Conduct {
  const whole = new ConductBuilder();
  for (const callee of callees) whole.add(conductOf(callee, catalog));
  return whole;
}

/** What SQL does that is part of code, with all that it calls. */
export function conductOfReader(reader: SqlReader, catalog: CatalogSnapshot): Conduct {
  const whole = new ConductBuilder();
  whole.add(reader);
  whole.add(conductOfAll([...reader.calls, ...reader.implied], catalog));
  return whole;
}

function readRoutine({ routine, searchPath }: Callee, catalog: CatalogSnapshot): Reading {
  const conduct = new ConductBuilder();
  const names = pathOf({ routine, searchPath });
  const context: NamingContext = { catalog, searchPath: names };
  const callees: Callee[] = routine.uses.flatMap((oid) => {
    const used = catalog.code.routine(oid);
    return used === undefined ? [] : [{ routine: used, searchPath: names }];
  });
  const { declaration, extension, language, kind, volatility } = routine;
  if (routine.isTemporary) conduct.dependsOn('server');
  conduct.notifies = /notify|listen/i.test(routine.source ?? '');
  if (routine.searchPath?.includes('$user') === true) conduct.cannotRead('"$user" in its search path');
  if (declaration !== undefined) {
    for (const trace of tracesOfDeclared({ routine, searchPath }, context)) conduct.leaves.add(trace);
    // It is not read, because it cannot be; what makes temporary tables has to name them so.
    conduct.changesTemporary = volatility === 'volatile' && /temp/i.test(routine.source ?? '');
    if (declaration.kind === 'by argument') conduct.cannotRead('its declaration for one shard key');
    else conduct.dependsOn(volatility === 'volatile' ? 'random' : volatility === 'stable' ? 'time' : 'plain');
    return { conduct, callees: [] };
  }
  if (kind === 'aggregate') return { conduct, callees };
  if (extension !== undefined) {
    readExtension(routine, extension, conduct);
  } else if (language === 'sql' || language === 'plpgsql') {
    const reader = new SqlReader(context, 'code');
    try {
      if (language === 'sql') readSqlBody(routine, reader);
      else readPlpgsqlInto(routine, reader, context);
    } catch (error) {
      // What the grammar refuses now was another version's, or is not SQL.
      if (!(error instanceof PgError)) throw error;
      reader.cannotRead('its syntax');
    }
    conduct.add(reader);
    if (reader.reads.size > 0 || reader.writes.size > 0) conduct.readers.add({ routine, searchPath });
    callees.push(...reader.calls, ...reader.implied);
  } else if (volatility !== 'immutable') {
    // To declare a function IMMUTABLE is to say that it looks nothing up in the database.
    conduct.cannotRead(`its language, ${language}`);
  }
  if (conduct.unread !== undefined) conduct.leaves.add('unknown');
  return { conduct, callees };
}

/** Words by which code makes SQL of strings, or leaves what its calls do not show. */
const leavingWords = /\b(execute|set|reset|discard|load|prepare|deallocate|declare\s+\w+\s.*\bhold|set_config)\b/is;

/** What a function leaves whose declaration was believed and not its body: that is read for this alone. */
function tracesOfDeclared(callee: Callee, context: NamingContext): ReadonlySet<SessionTrace> {
  const found = new Set<SessionTrace>();
  const seen = new Set<Routine>();
  const pending = [callee];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { routine } = next;
    if (seen.has(routine)) continue;
    seen.add(routine);
    if (routine.volatility === 'immutable') continue;
    const source = routine.source ?? routine.sqlBody ?? '';
    const isRead = routine.language === 'sql' || routine.language === 'plpgsql';
    if (!isRead || leavingWords.test(source.replaceAll(updateSet, ''))) found.add('unknown');
    if (!isRead) continue;
    const reader = new SqlReader({ catalog: context.catalog, searchPath: pathOf(next) }, 'code');
    scanBody(source, reader, { catalog: context.catalog, searchPath: pathOf(next) });
    for (const trace of reader.leaves) found.add(trace);
    pending.push(...reader.calls, ...reader.implied);
  }
  return found;
}

/** `UPDATE t SET`, `ON CONFLICT DO UPDATE SET` */
const updateSet = /\bupdate\s+[^;]*?\bset\b/gis;

/** The search path inside of a body, without pg_catalog. */
export function pathOf({ routine, searchPath }: Callee): readonly string[] {
  if (routine.searchPath === undefined) return searchPath;
  return routine.searchPath.split(',').flatMap((part) => {
    const [name = ''] = quotedParts(part.trim());
    return name === '' || name === 'pg_catalog' || name === 'pg_temp' ? [] : [name];
  });
}

const nameTypes: ReadonlySet<number> = new Set([25, 1043, 19, 2205]);

function readExtension(routine: Routine, extension: string, conduct: ConductBuilder): void {
  if (routine.volatility === 'immutable') return;
  const trace = traceOf(routine.name) ?? (harmlessExtensions.has(extension) ? undefined : 'unknown');
  if (trace !== undefined && routine.volatility === 'volatile') conduct.leaves.add(trace);
  if (harmlessExtensions.has(extension)) {
    if (routine.volatility === 'volatile') conduct.dependsOn('random');
    return;
  }
  conduct.dependsOn('server');
  // A text may be SQL that it runs or the name of a table.
  if (routine.arguments.some(({ typeOid }) => nameTypes.has(typeOid))) {
    conduct.cannotRead(`its extension, ${extension}`);
  }
}

function readSqlBody(routine: Routine, reader: SqlReader): void {
  if (routine.sqlBody === undefined) {
    reader.readText(routine.source ?? '');
    return;
  }
  for (const { node } of parseStatements(`CREATE FUNCTION f() RETURNS void LANGUAGE sql ${routine.sqlBody}`)) {
    if ('CreateFunctionStmt' in node) reader.read(node.CreateFunctionStmt.sql_body);
  }
}

function readPlpgsqlInto(routine: Routine, reader: SqlReader, context: NamingContext): void {
  const body = readPlpgsql(routine);
  if (body === undefined) scanBody(routine.source ?? '', reader, context);
  else readFragments(body, reader);
}

/** Takes in what a PL/pgSQL body does; `common`: names of its transition tables, which hide others. */
export function readFragments(body: PlpgsqlBody, reader: SqlReader, common?: ReadonlySet<string>): void {
  for (const { sql } of body.fragments) reader.readText(sql, common);
  if (body.unread !== undefined) reader.cannotRead(body.unread);
  if (body.tells) reader.dependsOn('random');
  if (body.endsTransactions) reader.dependsOn('server');
}
