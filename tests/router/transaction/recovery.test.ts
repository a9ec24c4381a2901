/** Recovery decides over real servers, in every state that an owner can leave behind; the owner is played by hand. */

import { Client } from 'pg';
import type { Shard, Topology } from '../../../catalog/topology.js';
import { installSql } from '../../../catalog/pgring-schema.js';
import { openLog } from '../../../base/log.js';
import { formatGlobalId } from '../../../router/transaction/global-id.js';
import { cleanCommitLog } from '../../../router/transaction/commit-log.js';
import { Recovery, type ControlAccess, type RecoveryTimes } from '../../../router/transaction/recovery.js';
import { chooseFreePort } from '../../support/ports.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';

const DATABASE = 'transaction_recovery';
const times: RecoveryTimes = { intervalMs: 1_000, abandonedMs: 10_000, retentionMs: 600_000 };

/** How far a participant has come when its owner vanishes. */
type Progress = 'begun' | 'logged' | 'prepared' | 'committed';

describe('the recovery of prepared transactions', () => {
  let shards: readonly Shard[];
  let recovery: Recovery;
  let access: ControlAccess;
  let number = 0;
  const opened: Client[] = [];

  const connect = async (shard: Shard): Promise<Client> => {
    const client = new Client({ host: shard.host, port: shard.port, user: 'postgres', database: DATABASE });
    await client.connect();
    opened.push(client);
    return client;
  };
  const topologyOf = (list: readonly Shard[]): Topology => ({
    epoch: 1,
    home: list[0]?.id ?? 0,
    shards: list,
    arcs: [],
  });
  const newRecovery = (list: readonly Shard[]): Recovery =>
    new Recovery(access, () => topologyOf(list), times, openLog('silent'));
  const newGlobalId = (participants: readonly Shard[]): string => {
    number += 1;
    return formatGlobalId(
      number.toString(16).padStart(24, '0'),
      participants.map(({ id }) => id),
    );
  };
  /** Brings one participant as far as that; the row it writes is the transaction's id. */
  const advance = async (client: Client, globalId: string, progress: Progress): Promise<void> => {
    await client.query('BEGIN');
    await client.query(`INSERT INTO done VALUES ('${globalId}')`);
    if (progress === 'begun') return;
    await client.query(`INSERT INTO pgring.commit_log (gid) VALUES ('${globalId}')`);
    if (progress === 'logged') return;
    await client.query(`PREPARE TRANSACTION '${globalId}'`);
    if (progress === 'committed') await client.query(`COMMIT PREPARED '${globalId}'`);
  };
  /** Which shards have the transaction's row, and what is still prepared. */
  const look = async (globalId: string): Promise<{ rows: boolean[]; prepared: number }> => {
    const rows: boolean[] = [];
    let prepared = 0;
    for (const shard of shards) {
      const client = await connect(shard);
      rows.push((await client.query('SELECT FROM done WHERE id = $1', [globalId])).rowCount === 1);
      prepared += (await client.query('SELECT FROM pg_prepared_xacts WHERE gid = $1', [globalId])).rowCount ?? 0;
    }
    return { rows, prepared };
  };

  beforeAll(async () => {
    const servers = await createDatabaseEverywhere(DATABASE);
    shards = servers.shards
      .slice(0, 3)
      .map(({ host, port }, index) => ({ id: index + 1, name: `s${index + 1}`, host, port, weight: 1 }));
    access = { controlDatabase: DATABASE, connect: async (shard) => await connect(shard) };
    recovery = newRecovery(shards);
    for (const shard of shards) {
      const client = await connect(shard);
      await client.query(installSql());
      await client.query('CREATE TABLE done (id text)');
    }
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async (client) => await client.end()));
  });

  afterAll(async () => {
    await dropDatabaseEverywhere(DATABASE);
  });

  it.each<[Progress, Progress, Progress, 'committed' | 'aborted']>([
    ['prepared', 'prepared', 'prepared', 'committed'],
    ['committed', 'prepared', 'prepared', 'committed'],
    ['prepared', 'prepared', 'committed', 'committed'],
    ['prepared', 'prepared', 'begun', 'aborted'],
    ['begun', 'prepared', 'prepared', 'aborted'],
    ['prepared', 'begun', 'begun', 'aborted'],
    ['prepared', 'prepared', 'logged', 'aborted'],
  ])('finishes %s, %s, %s of a dead owner as %s', async (first, second, third, outcome) => {
    const globalId = newGlobalId(shards);
    for (const [index, progress] of [first, second, third].entries()) {
      const shard = shards[index];
      if (shard === undefined) continue;
      const client = await connect(shard);
      await advance(client, globalId, progress);
      // The owner is dead: its server rolls back what was not prepared.
      await client.end();
    }
    expect(await recovery.resolve(globalId, DATABASE)).toBe(outcome);
    const all = outcome === 'committed';
    expect(await look(globalId)).toEqual({ rows: [all, all, all], prepared: 0 });
  });

  it('gives the same answer to whoever asks again', async () => {
    const globalId = newGlobalId(shards);
    for (const shard of shards.slice(0, 2)) await advance(await connect(shard), globalId, 'prepared');
    const answers = await Promise.all(
      [recovery, newRecovery(shards), newRecovery(shards)].map(async (each) => await each.resolve(globalId, DATABASE)),
    );
    expect(answers).toEqual(['aborted', 'aborted', 'aborted']);
    expect(await recovery.resolve(globalId, DATABASE)).toBe('aborted');
    expect(await look(globalId)).toEqual({ rows: [false, false, false], prepared: 0 });
  });

  it('does no harm to an owner that lives: one that has not prepared everywhere can no longer', async () => {
    const globalId = newGlobalId(shards.slice(0, 2));
    const [first, second] = shards;
    if (first === undefined || second === undefined) throw new Error('two shards');
    const owner = await connect(second);
    await advance(await connect(first), globalId, 'prepared');
    await advance(owner, globalId, 'begun');
    expect(await recovery.resolve(globalId, DATABASE)).toBe('aborted');
    await expect(owner.query(`INSERT INTO pgring.commit_log (gid) VALUES ('${globalId}')`)).rejects.toMatchObject({
      code: '23505',
      table: 'commit_log',
    });
  });

  it('waits for an owner that is about to prepare, and then commits with it', async () => {
    const globalId = newGlobalId(shards.slice(0, 2));
    const [first, second] = shards;
    if (first === undefined || second === undefined) throw new Error('two shards');
    const owner = await connect(second);
    await advance(await connect(first), globalId, 'prepared');
    await advance(owner, globalId, 'logged');
    const resolving = recovery.resolve(globalId, DATABASE);
    // The recoverer's own row has to wait for the owner's.
    const watcher = await connect(second);
    const waits = async (): Promise<boolean> => {
      const { rowCount } = await watcher.query(
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%commit_log%' AND datname = $1",
        [DATABASE],
      );
      return rowCount === 1;
    };
    while (!(await waits()));
    await owner.query(`PREPARE TRANSACTION '${globalId}'`);
    expect(await resolving).toBe('committed');
    expect(await look(globalId)).toEqual({ rows: [true, true, false], prepared: 0 });
  });

  it('decides nothing while a participant cannot be asked', async () => {
    const [first] = shards;
    if (first === undefined) throw new Error('a shard');
    const unreachable: Shard = { id: 9, name: 's9', host: '127.0.0.1', port: await chooseFreePort(), weight: 1 };
    const globalId = newGlobalId([first, unreachable]);
    await advance(await connect(first), globalId, 'prepared');
    expect(await newRecovery([...shards, unreachable]).resolve(globalId, DATABASE)).toBe('unknown');
    expect(await newRecovery(shards).resolve(globalId, DATABASE)).toBe('unknown');
    expect((await look(globalId)).prepared).toBe(1);
    const client = await connect(first);
    await client.query(`ROLLBACK PREPARED '${globalId}'`);
  });

  it('removes rows of the commit log that are old, of transactions that no participant has prepared', async () => {
    const [first, second] = shards;
    if (first === undefined || second === undefined) throw new Error('two shards');
    const [pending, over, young] = [newGlobalId([first, second]), newGlobalId([first, second]), newGlobalId([first])];
    const client = await connect(first);
    const logged = async (): Promise<readonly string[]> => {
      const { rows } = await client.query<{ gid: string }>(
        'SELECT gid FROM pgring.commit_log WHERE gid = ANY ($1) ORDER BY gid',
        [[pending, over, young]],
      );
      return rows.map(({ gid }) => gid);
    };
    await client.query(
      `INSERT INTO pgring.commit_log (gid, at) VALUES
        ('${pending}', now() - interval '1 day'), ('${over}', now() - interval '1 day'), ('${young}', now())`,
    );
    await advance(await connect(second), pending, 'prepared');
    await recovery.clean();
    expect(await logged()).toEqual([pending, young]);
    // Who cannot ask the other participant leaves the row alone.
    await newRecovery([first]).clean();
    expect(await logged()).toEqual([pending, young]);
    expect(await recovery.resolve(pending, DATABASE)).toBe('committed');
    await recovery.clean();
    expect(await logged()).toEqual([young]);
  });

  it('keeps an abort row as long as the transaction lives that it keeps from preparing', async () => {
    const [first] = shards;
    if (first === undefined) throw new Error('a shard');
    const globalId = newGlobalId(shards.slice(0, 2));
    const owner = await connect(first);
    await advance(owner, globalId, 'begun');
    const client = await connect(first);
    await client.query(`INSERT INTO pgring.commit_log (gid, state) VALUES ('${globalId}', 'abort')`);
    const cleaned = async (): Promise<number> => {
      await cleanCommitLog(
        [first],
        DATABASE,
        async (shard, _database, work) => {
          await work(await connect(shard));
        },
        0,
      );
      return (await client.query('SELECT FROM pgring.commit_log WHERE gid = $1', [globalId])).rowCount ?? 0;
    };
    expect(await cleaned()).toBe(1);
    await owner.query('ROLLBACK');
    expect(await cleaned()).toBe(0);
  });
});
