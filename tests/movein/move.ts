/**
 * A schema with its data moves from one PostgreSQL into pgring and out again, with the placements that `pgring advise`
 * proposes: pg_dump, psql, pg_dump, and once more as an archive by pg_restore.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { loadConfig } from '../../catalog/config.js';
import { advise, type Advice } from '../../cli/advise/advice.js';
import { readDumpFile } from '../../cli/advise/read-dump.js';
import { rulesText } from '../../cli/advise/rules.js';
import { temporaryFolder } from '../support/folder.js';
import { runProgram, type ProgramResult } from '../support/program.js';
import { startTestProxy, withClient, type TestProxyAddress } from '../support/proxy.js';
import { dumpDifferences } from './dump-text.js';

export interface MoveOptions {
  /** The server that has the schema in this database. */
  readonly source: TestProxyAddress;
  readonly database: string;
  readonly shards: readonly TestProxyAddress[];
  /** The folder of psql, pg_dump and pg_restore; empty for those of the PATH. */
  readonly programs: string;
  /** Told of each step. */
  readonly say: (text: string) => void;
}

export interface Move {
  readonly advice: Advice;
  /** What the script said that moved the dump in, if anything went wrong. */
  readonly errors: readonly string[];
  /** Between the dump of the source and that of pgring, and what pg_restore made of the archive. */
  readonly differences: readonly string[];
  readonly viewDifferences: readonly string[];
  readonly seconds: { readonly in: number; readonly out: number; readonly restore: number };
  readonly rows: number;
  readonly views: number;
}

const TIMEOUT_MS = 600_000;

/** Moves the database in and out again; both databases of pgring are dropped at the end. */
export async function moveInAndOut(options: MoveOptions): Promise<Move> {
  const { source, database, shards, programs, say } = options;
  using folder = await temporaryFolder();
  const run = async (program: string, to: TestProxyAddress, name: string, more: readonly string[]): Promise<string> => {
    const result = await runTool(join(programs, program), to, name, more);
    if (result.exitCode !== 0) throw new Error(`${program} ${more.join(' ')}: ${result.stderr}`);
    return result.stdout;
  };
  const original = await run('pg_dump', source, database, []);
  const dumpFile = join(folder.path, 'dump.sql');
  await writeFile(dumpFile, original);
  say('advising');
  const schema = await readDumpFile(dumpFile);
  const advice = advise(schema, shards.length, new Map());
  const configFile = join(folder.path, 'pgring.yaml');
  await writeFile(configFile, configText(shards) + rulesText(schema.tables, advice.choices));
  const proxy = await startTestProxy(shards, { placement: loadConfig(configFile).placement });
  const moved = `${database}_moved`;
  const restored = `${database}_restored`;
  try {
    await createDatabase(proxy, moved);
    say('moving in');
    const start = performance.now();
    const script = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=0', `--file=${dumpFile}`];
    const { stderr } = await runTool(join(programs, 'psql'), proxy, moved, script);
    const entered = performance.now();
    const errors = stderr.split('\n').filter((line) => /\b(?:ERROR|FATAL|WARNING|error):/.test(line));
    say('moving out');
    const out = await run('pg_dump', proxy, moved, []);
    const left = performance.now();
    const differences = [...dumpDifferences(original, out)];
    const archive = join(folder.path, 'archive');
    await run('pg_dump', proxy, moved, ['--format=custom', `--file=${archive}`]);
    await createDatabase(proxy, restored);
    say('restoring the archive');
    const begin = performance.now();
    await run('pg_restore', proxy, restored, [`--dbname=${restored}`, '--exit-on-error', archive]);
    const end = performance.now();
    differences.push(...dumpDifferences(original, await run('pg_dump', proxy, restored, [])));
    const views = await viewNames(source, database);
    return {
      advice,
      errors,
      differences,
      viewDifferences: await compareViews(views, { ...source, database }, { ...proxy, database: moved }),
      seconds: { in: (entered - start) / 1000, out: (left - entered) / 1000, restore: (end - begin) / 1000 },
      rows: advice.tables.reduce((total, { table }) => total + (table.rows ?? 0), 0),
      views: views.length,
    };
  } finally {
    await dropDatabases(proxy, [moved, restored]);
    await proxy.close();
  }
}

function configText(shards: readonly TestProxyAddress[]): string {
  const lines = shards.map(({ host, port }, index) => `  - { name: s${index + 1}, host: "${host}", port: ${port} }\n`);
  return `shards:\n${lines.join('')}`;
}

async function runTool(
  program: string,
  { host, port }: TestProxyAddress,
  database: string,
  more: readonly string[],
): Promise<ProgramResult> {
  const where = [`--host=${host}`, `--port=${port}`, '--username=postgres'];
  const isRestore = program.endsWith('pg_restore');
  return await runProgram(program, [...where, ...(isRestore ? [] : [`--dbname=${database}`]), ...more], {
    timeoutMs: TIMEOUT_MS,
  });
}

async function createDatabase(proxy: TestProxyAddress, name: string): Promise<void> {
  await withClient(proxy, 'postgres', async (client) => {
    await client.query(`CREATE DATABASE "${name}"`);
  });
}

async function dropDatabases(proxy: TestProxyAddress, names: readonly string[]): Promise<void> {
  await withClient(proxy, 'postgres', async (client) => {
    for (const name of names) await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  });
}

async function viewNames(source: TestProxyAddress, database: string): Promise<readonly string[]> {
  return await withClient(source, database, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT pg_catalog.format('%I.%I', schemaname, viewname) AS name FROM pg_catalog.pg_views
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
       UNION ALL SELECT pg_catalog.format('%I.%I', schemaname, matviewname) FROM pg_catalog.pg_matviews
       WHERE ispopulated ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  });
}

type Side = TestProxyAddress & { readonly database: string };

/** What each view gives on both sides, as text and in any order, also inside values: string_agg() without ORDER BY. */
async function compareViews(views: readonly string[], left: Side, right: Side): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const view of views) {
    const [expected, actual] = await Promise.all([left, right].map(async (side) => await viewRows(view, side)));
    if (letters(expected) !== letters(actual)) differences.push(`${view}: ${actual?.slice(0, 300) ?? ''}`);
  }
  return differences;
}

/** The letters of each line, sorted. */
function letters(text: string | undefined): string | undefined {
  return text
    ?.split('\n')
    .map((line) => Array.from(line).sort().join(''))
    .sort()
    .join('\n');
}

async function viewRows(view: string, side: Side): Promise<string> {
  return await withClient(side, side.database, async (client: Client) => {
    try {
      const { rows } = await client.query<unknown[]>({
        text: `SELECT * FROM ${view}`,
        rowMode: 'array',
        types: { getTypeParser: () => (value: string) => value },
      });
      return rows
        .map((row) => JSON.stringify(row))
        .sort()
        .join('\n');
    } catch (error) {
      return String(error);
    }
  });
}
