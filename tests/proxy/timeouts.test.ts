/** Timeouts that a session sets end what they would end on one server, over several shards too. */

import { Client } from 'pg';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';
import { startTestProxy, withClient, type TestProxy } from '../support/proxy.js';

const DATABASE = 'session_timeouts';

describe('what ends a transaction over several shards', () => {
  let proxy: TestProxy;
  const connect = async (): Promise<Client> => {
    const client = new Client({ host: proxy.host, port: proxy.port, user: 'postgres', database: DATABASE });
    await client.connect();
    return client;
  };
  /** A client that is in a transaction on all shards; the promise gives the error that ends its session. */
  const inTransaction = async (setting: string): Promise<readonly [Client, Promise<unknown>]> => {
    const client = await connect();
    // After the server's own words comes the end of the connection, which is an error of node-postgres.
    const end = new Promise<unknown>((resolve) => {
      client.on('error', resolve);
    });
    await client.query(setting);
    await client.query('BEGIN');
    await client.query('UPDATE rows SET value = value + 1');
    return [client, end];
  };
  const expectUnlocked = async (): Promise<void> => {
    await withClient(proxy, DATABASE, async (client) => {
      expect((await client.query('SELECT FROM rows FOR UPDATE NOWAIT')).rowCount).toBe(20);
      expect((await client.query('SELECT sum(value)::int AS sum FROM rows')).rows).toEqual([{ sum: 0 }]);
    });
  };

  beforeAll(async () => {
    proxy = await startTestProxy((await createDatabaseEverywhere(DATABASE)).shards);
    await withClient(proxy, DATABASE, async (client) => {
      await client.query('CREATE TABLE rows (id int PRIMARY KEY, value int NOT NULL)');
      await client.query('INSERT INTO rows SELECT id, 0 FROM generate_series(1, 20) AS id');
    });
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(DATABASE);
  });

  it.each([
    ["SET idle_in_transaction_session_timeout = '150ms'", '25P03'],
    ["SET transaction_timeout = '150ms'", '25P04'],
  ])('%s ends the session with %s', async (setting, code) => {
    const [, end] = await inTransaction(setting);
    expect(await end).toMatchObject({ code, severity: 'FATAL' });
    await expectUnlocked();
  });

  it('transaction_timeout ends it in the middle of a statement, too', async () => {
    const [client, end] = await inTransaction("SET transaction_timeout = '300ms'");
    const slow = client.query('SELECT pg_sleep(30)').catch((error: unknown) => error);
    expect(await Promise.race([end, slow])).toMatchObject({ code: '25P04' });
    await expectUnlocked();
  });

  it('statement_timeout fails the statement, the transaction, and nothing else', async () => {
    const holder = await connect();
    await holder.query('BEGIN');
    await holder.query('SELECT FROM rows WHERE id = 7 FOR UPDATE');
    const client = await connect();
    await client.query("SET statement_timeout = '200ms'");
    await client.query('BEGIN');
    await expect(client.query('UPDATE rows SET value = value + 1')).rejects.toMatchObject({ code: '57014' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await holder.query('ROLLBACK');
    // It keeps no lock on any shard, although it has not said ROLLBACK.
    await expectUnlocked();
    await client.query('ROLLBACK');
    expect((await client.query('SELECT count(*)::int AS count FROM rows')).rows).toEqual([{ count: 20 }]);
    await Promise.all([holder.end(), client.end()]);
  });
});
