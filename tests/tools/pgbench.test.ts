/** pgbench, unchanged: initialisation, the built-in scripts in every query mode, and the sums at the end. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folder.js';
import { runProgram } from '../support/program.js';
import { startTestProxy, withClient, type TestProxy } from '../support/proxy.js';
import { describeWithTools } from '../support/requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';

const DATABASE = 'tools_pgbench';
const SCALE = 2;
const ACCOUNTS = SCALE * 100_000;

describeWithTools(['pgbench'], 'pgbench through pgring', () => {
  let servers: SharedServers;
  let proxy: TestProxy;
  /** Rows that pgbench_history must have by now. */
  let written = 0;

  const pgbench = async (...parameters: readonly string[]): Promise<string> => {
    const { stdout, stderr, exitCode } = await runProgram(
      'pgbench',
      ['-h', proxy.host, '-p', String(proxy.port), '-U', 'postgres', ...parameters, DATABASE],
      { timeoutMs: 120_000 },
    );
    expect({ exitCode, errors: stderr.split('\n').filter((line) => /error|aborted/i.test(line)) }).toEqual({
      exitCode: 0,
      errors: [],
    });
    return stdout;
  };
  const count = async (sql: string, address: { readonly host: string; readonly port: number }): Promise<number> =>
    await withClient(address, DATABASE, async (client) => {
      const { rows } = await client.query<{ value: string }>(sql);
      return Number(rows[0]?.value);
    });
  const expectSums = async (): Promise<void> => {
    const sum = async (table: string, column: string): Promise<number> =>
      await count(`SELECT sum(${column}) AS value FROM pgbench_${table}`, proxy);
    const deltas = await sum('history', 'delta');
    expect(await sum('accounts', 'abalance')).toBe(deltas);
    expect(await sum('branches', 'bbalance')).toBe(await sum('tellers', 'tbalance'));
    expect(await count('SELECT count(*) AS value FROM pgbench_history', proxy)).toBe(written);
  };

  beforeAll(async () => {
    servers = await createDatabaseEverywhere(DATABASE);
    proxy = await startTestProxy(servers.shards);
    await pgbench('-i', '-s', String(SCALE), '-q');
  }, 120_000);

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(DATABASE);
  });

  it('fills the tables, their rows spread over the servers', async () => {
    const each = await Promise.all(
      servers.shards.map(async (shard) => await count('SELECT count(*) AS value FROM pgbench_accounts', shard)),
    );
    expect(each.reduce((sum, rows) => sum + rows, 0)).toBe(ACCOUNTS);
    for (const rows of each) expect(rows).toBeGreaterThan(ACCOUNTS / each.length / 2);
    expect(await count('SELECT count(*) AS value FROM pgbench_accounts', proxy)).toBe(ACCOUNTS);
  });

  describe.each(['simple', 'extended', 'prepared'])('in %s mode', (mode) => {
    it.each([1, 8, 32])('runs the default script with %d clients, and the sums agree', async (clients) => {
      const transactions = clients === 1 ? 60 : 15;
      await pgbench('-n', '-M', mode, '-c', String(clients), '-t', String(transactions));
      written += clients * transactions;
      await expectSums();
      const balances = await count('SELECT sum(bbalance) AS value FROM pgbench_branches', proxy);
      expect(balances).toBe(await count('SELECT sum(delta) AS value FROM pgbench_history', proxy));
    });

    it.each([1, 8, 32])('runs the select-only script with %d clients', async (clients) => {
      await pgbench('-n', '-S', '-M', mode, '-c', String(clients), '-t', '200');
    });
  });

  it.each(['simple', 'extended', 'prepared'])('runs the simple-update script in %s mode', async (mode) => {
    await pgbench('-n', '-N', '-M', mode, '-c', '8', '-t', '20');
    written += 160;
    await expectSums();
  });

  it('runs statements in pipelines', async () => {
    using folder = await temporaryFolder();
    const script = join(folder.path, 'pipeline.sql');
    await writeFile(
      script,
      [
        '\\set aid random(1, 100000)',
        '\\startpipeline',
        'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;',
        'SELECT abalance FROM pgbench_accounts WHERE aid = :aid + 1;',
        'SELECT count(*) FROM pgbench_branches;',
        '\\endpipeline',
      ].join('\n'),
    );
    await pgbench('-n', '-M', 'extended', '-f', script, '-c', '4', '-t', '20');
  });

  it('leaves nothing prepared behind', async () => {
    for (const shard of servers.shards) {
      const prepared = `SELECT count(*) AS value FROM pg_prepared_xacts WHERE database = '${DATABASE}'`;
      expect(await count(prepared, shard)).toBe(0);
    }
  });
});
