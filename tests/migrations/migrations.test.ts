/**
 * Migration tools with their usual serial keys, unique columns and foreign keys: what each prints through pgring is what it
 * prints on one PostgreSQL. Where tables go is what `pgring advise` says of the schema that the tool has built there.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../catalog/config.js';
import { advise } from '../../cli/advise/advice.js';
import { readServer } from '../../cli/advise/read-server.js';
import { rulesText } from '../../cli/advise/rules.js';
import { temporaryFolder } from '../support/folder.js';
import { runProgram } from '../support/program.js';
import { startTestProxy, type TestProxyAddress } from '../support/proxy.js';
import { repositoryRoot } from '../support/repo.js';
import { describeWithTools, migrationTools } from '../support/requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';

const folder = join(repositoryRoot, 'tests/migrations');
const SHARDS = 3;
const TIMEOUT_MS = 180_000;

async function run(
  script: string,
  { port }: TestProxyAddress,
  database: string,
  stage: 'build' | 'all',
): Promise<string> {
  const program = script.endsWith('.py') ? 'python3' : process.execPath;
  const parameters = [join(folder, script), String(port), database, stage, migrationTools];
  const { stdout, stderr } = await runProgram(program, parameters, { timeoutMs: TIMEOUT_MS });
  return stdout + stderr;
}

async function compare(script: string): Promise<void> {
  const database = `migrations_${script.replace(/\W/g, '_')}`;
  const built = await createDatabaseEverywhere(database);
  expect(await run(script, built.oracle, database, 'build')).not.toContain('ERR');
  const schema = await readServer(`postgresql://postgres@${built.oracle.host}:${built.oracle.port}/${database}`);
  // The rows will come: their number is guessed from the foreign keys.
  const unmeasured = {
    ...schema,
    tables: schema.tables.map((table) => ({ ...table, rows: undefined, bytes: undefined })),
  };
  const { choices } = advise(unmeasured, SHARDS, new Map());
  expect([...choices.values()].map(({ kind }) => kind)).toContain('sharded');
  const { shards, oracle } = await createDatabaseEverywhere(database);
  using config = await temporaryFolder();
  const file = join(config.path, 'pgring.yaml');
  writeFileSync(file, `shards: [{ name: any }]\n${rulesText(schema.tables, choices)}`);
  const proxy = await startTestProxy(shards.slice(0, SHARDS), { placement: loadConfig(file).placement });
  try {
    const [expected, actual] = [await run(script, oracle, database, 'all'), await run(script, proxy, database, 'all')];
    expect(actual).toBe(expected);
    expect(expected).not.toContain('ERR');
  } finally {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  }
}

describeWithTools(['migration tools of npm'], 'migration tools of Node', () => {
  it.each(['knex.mjs', 'sequelize.mjs', 'typeorm.mjs', 'drizzle.mjs'])('%s', compare, TIMEOUT_MS);
});

describeWithTools(['python3', 'psycopg2', 'migration tools of Python'], 'migration tools of Python', () => {
  it.each(['django_app.py', 'alembic_app.py'])('%s', compare, TIMEOUT_MS);
});
