import { explainStatement, type ExplainOptions } from '../../cli/explain.js';
import { Failure } from '../../cli/failure.js';
import { chooseFreePort } from '../support/ports.js';
import { startTestProxy, withClient, type TestProxy } from '../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';

const database = 'explained';

describe('pgring explain', () => {
  let proxy: TestProxy;
  let options: ExplainOptions;

  beforeAll(async () => {
    const { shards } = await createDatabaseEverywhere(database);
    proxy = await startTestProxy(shards.slice(0, 2));
    await withClient(proxy, database, async (client) => {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, v int)');
    });
    const connect = `postgresql://postgres@${proxy.host}:${proxy.port}/${database}`;
    options = { connect, analyze: false, verbose: false, costs: false, format: 'text' };
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  it('prints the plan', async () => {
    const lines = await explainStatement('SELECT * FROM t WHERE id = 5', options);
    expect(lines[0]).toBe('One shard, read: by key (int8) = 5');
    const [document] = await explainStatement('SELECT v FROM t', { ...options, format: 'json', analyze: true });
    expect(JSON.parse(document ?? '')).toMatchObject([{ Plan: { 'Custom Plan Provider': 'pgring scatter' } }]);
  });

  it('says what is wrong with the statement, and with the connection', async () => {
    await expect(explainStatement('SELECT nope FROM t', options)).rejects.toThrow('column "nope" does not exist');
    const connect = `postgresql://postgres:secret@127.0.0.1:${await chooseFreePort()}/${database}`;
    const failure = await explainStatement('SELECT 1', { ...options, connect }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(String(failure)).toContain('pgring does not answer at postgresql://postgres@127.0.0.1:');
  });
});
