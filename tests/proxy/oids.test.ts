/** Shards whose oids differ, as they do after any history of their own: clients see the home shard's everywhere. */

import { Client } from 'pg';
import { readDataRow, readErrorResponse, readParameterDescription, readRowDescription } from '../../wire/backend.js';
import {
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeStartup,
  syncFrame,
} from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { startTestProxy, type TestProxy, type TestProxyAddress } from '../support/proxy.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type ServerAddress } from '../support/shared-servers.js';
import { FrameSocket } from '../wire/server.js';

const database = 'oids';
const INT4 = 23;
const REGCLASS = 2205;
const everyKey = Array.from({ length: 12 }, (_unused, index) => index + 1);

/** What a client can see of an answer: each description's oids, and the rows' values as text. */
interface Seen {
  readonly parameters: readonly number[] | undefined;
  readonly fields: readonly { readonly name: string; readonly type: number; readonly table: number }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

class Session {
  readonly #socket: FrameSocket;

  constructor({ port }: TestProxyAddress) {
    this.#socket = new FrameSocket(port);
  }

  static async open(address: TestProxyAddress): Promise<Session> {
    const session = new Session(address);
    await session.ask(
      encodeStartup([
        ['user', 'postgres'],
        ['database', database],
      ]),
    );
    return session;
  }

  /** Sends frames and reads up to ReadyForQuery. */
  async ask(...frames: Buffer[]): Promise<Seen> {
    this.#socket.send(...frames);
    const answer = await this.#socket.until(backendType.readyForQuery);
    const error = answer.find((frame) => frame[0] === backendType.errorResponse);
    if (error !== undefined) throw readErrorResponse(error);
    const parameters = answer.find((frame) => frame[0] === backendType.parameterDescription);
    const descriptions = answer.filter((frame) => frame[0] === backendType.rowDescription);
    return {
      parameters: parameters === undefined ? undefined : readParameterDescription(parameters),
      fields: descriptions.flatMap((frame) =>
        readRowDescription(frame).map(({ name, typeOid, tableOid }) => ({ name, type: typeOid, table: tableOid })),
      ),
      rows: answer
        .filter((frame) => frame[0] === backendType.dataRow)
        .map((frame) => readDataRow(frame).map((value) => value?.toString('utf8') ?? null)),
    };
  }

  async simple(sql: string): Promise<Seen> {
    return await this.ask(encodeQuery(sql));
  }

  /** The whole of the extended protocol in one write, with declared parameter types. */
  async extended(sql: string, types: readonly number[], values: readonly string[]): Promise<Seen> {
    return await this.ask(
      encodeParse('', sql, types),
      encodeDescribe('statement', ''),
      encodeBind({ parameters: values.map((value) => Buffer.from(value)) }),
      encodeExecute('', 0),
      syncFrame,
    );
  }

  async execute(statement: string, values: readonly string[], maximumRows = 0): Promise<Seen> {
    return await this.ask(
      encodeBind({ statement, parameters: values.map((value) => Buffer.from(value)) }),
      encodeDescribe('portal', ''),
      encodeExecute('', maximumRows),
      syncFrame,
    );
  }

  close(): void {
    this.#socket.close();
  }
}

async function onServer<T>(server: ServerAddress, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ host: server.host, port: server.port, user: 'postgres', database });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function readOids(server: ServerAddress): Promise<Record<string, number>> {
  return await onServer(server, async (client) => {
    const { rows } = await client.query<{ name: string; oid: number }>(
      `SELECT typname AS name, oid::int8::int4 FROM pg_type WHERE typnamespace = 'public'::regnamespace
       UNION ALL SELECT 'table ' || relname, oid::int8::int4 FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
    );
    return Object.fromEntries(rows.map(({ name, oid }) => [name, oid]));
  });
}

/** Uses up oids, each shard its own number of them. */
async function wasteOids(server: ServerAddress, times: number): Promise<void> {
  await onServer(server, async (client) => {
    await client.query(`DO $$ BEGIN FOR i IN 1..${times} LOOP
      CREATE TYPE passing AS ENUM ('a'); DROP TYPE passing; END LOOP; END $$`);
  });
}

/** The row of a key, as text. */
function rowOf(id: number): readonly string[] {
  return [String(id), 'happy', '{ok,happy}', String(id), `(${id},sad)`, '[1,2)', 'late'];
}

describe('oids that differ between shards', () => {
  let shards: readonly ServerAddress[];
  let proxy: TestProxy;
  let session: Session;
  let home: Record<string, number>;
  let others: readonly Record<string, number>[];
  /** The columns of the table, as the home shard describes them. */
  let columns: Seen['fields'];
  let homeKeys: ReadonlySet<number>;

  beforeAll(async () => {
    const servers = await createDatabaseEverywhere(database);
    shards = servers.shards.slice(0, 3);
    proxy = await startTestProxy(shards);
    session = await Session.open(proxy);
    // Connections that exist before the types do, so that their oids must be learned afterwards.
    await session.simple('CREATE TABLE early (id int PRIMARY KEY)');
    await Promise.all(shards.map(async (shard, index) => await wasteOids(shard, 10 + index * 40)));
    const [, second] = shards;
    if (second === undefined) throw new Error('three shards are needed');
    // The array type of mood gets another name there.
    await onServer(second, async (client) => await client.query('CREATE DOMAIN _mood AS int'));
    for (const sql of [
      "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
      'CREATE DOMAIN score AS int CHECK (VALUE >= 0)',
      'CREATE TYPE pair AS (a int, m mood)',
      'CREATE TYPE span AS RANGE (subtype = float8)',
      'CREATE TABLE late (id int PRIMARY KEY)',
      "CREATE TABLE things (id int PRIMARY KEY, m mood, ms mood[], s score, p pair, r span, w regclass DEFAULT 'late')",
    ]) {
      await session.simple(sql);
    }
    const [first] = shards;
    if (first === undefined) throw new Error('three shards are needed');
    home = await readOids(first);
    others = await Promise.all(shards.slice(1).map(readOids));
    columns = ['id', 'm', 'ms', 's', 'p', 'r', 'w'].map((name, index) => ({
      name,
      type: [INT4, home['mood'], home['_mood'], INT4, home['pair'], home['span'], REGCLASS][index] ?? 0,
      table: home['table things'] ?? 0,
    }));
  });

  afterAll(async () => {
    session.close();
    await proxy.close();
    await dropDatabaseEverywhere(database);
  });

  it('differ here', () => {
    for (const oids of others) {
      for (const name of ['mood', 'score', 'pair', 'span', 'span_multirange', 'things', 'table things']) {
        expect(oids[name]).toBeDefined();
        expect(oids[name]).not.toBe(home[name]);
      }
    }
    expect(others[0]?.['__mood']).toBeDefined();
  });

  it("are the home shard's in INSERT … RETURNING over several shards, with declared types", async () => {
    const types = [home['mood'] ?? 0, home['_mood'] ?? 0, home['span'] ?? 0];
    const rows = everyKey.map((id) => `(${id}, $1, $2, ${id}, ROW(${id}, 'sad'), $3)`);
    const sql = `INSERT INTO things VALUES ${rows.join(', ')} RETURNING *`;
    const seen = await session.extended(sql, types, ['happy', '{ok,happy}', '[1,2)']);
    expect(seen).toEqual({ parameters: types, fields: columns, rows: everyKey.map(rowOf) });
    const stored = await Promise.all(
      shards.map(
        async (shard) =>
          await onServer(shard, async (client) => (await client.query<{ id: number }>('SELECT id FROM things')).rows),
      ),
    );
    expect(stored.map((rows) => rows.length)).not.toContain(0);
    homeKeys = new Set(stored[0]?.map(({ id }) => id));
  });

  it("are the home shard's from each shard, in the simple protocol", async () => {
    for (const id of everyKey) {
      const seen = await session.simple(`SELECT * FROM things WHERE id = ${id}`);
      expect(seen).toEqual({ parameters: undefined, fields: columns, rows: [rowOf(id)] });
    }
  });

  it("are the home shard's from each shard, in the extended protocol, with declared types and without", async () => {
    const mood = home['mood'] ?? 0;
    const moods = home['_mood'] ?? 0;
    const sql = 'SELECT * FROM things WHERE id = $1 AND m = $2 AND ms = $3';
    for (const id of everyKey) {
      for (const types of [[], [INT4, mood, moods], [INT4, 0, moods]]) {
        const seen = await session.extended(sql, types, [String(id), 'happy', '{ok,happy}']);
        expect(seen).toEqual({ parameters: [INT4, mood, moods], fields: columns, rows: [rowOf(id)] });
      }
    }
  });

  it('a statement prepared once with declared types runs on every shard', async () => {
    const types = [INT4, home['mood'] ?? 0];
    await session.ask(encodeParse('one', 'SELECT * FROM things WHERE id = $1 AND m = $2', types), syncFrame);
    for (const maximumRows of [0, 1]) {
      for (const id of everyKey) {
        const seen = await session.execute('one', [String(id), 'happy'], maximumRows);
        expect(seen).toEqual({ parameters: undefined, fields: columns, rows: [rowOf(id)] });
      }
    }
    expect((await session.ask(encodeDescribe('statement', 'one'), syncFrame)).parameters).toEqual(types);
  });

  it('do not matter inside an array that is sent in binary', async () => {
    const mood = home['mood'] ?? 0;
    const array = Buffer.alloc(20 + 4 + 2 + 4 + 5);
    // One dimension, no nulls, the element type, two elements from 1 on (arrayfuncs.c, array_send).
    for (const [index, number] of [1, 0, mood, 2, 1, 2].entries()) array.writeInt32BE(number, index * 4);
    array.write('ok', 24);
    array.writeInt32BE(5, 26);
    array.write('happy', 30);
    for (const id of everyKey) {
      const seen = await session.ask(
        encodeParse('', 'SELECT * FROM things WHERE id = $1 AND ms = $2', []),
        encodeBind({ parameterFormats: [0, 1], parameters: [Buffer.from(String(id)), array] }),
        encodeDescribe('portal', ''),
        encodeExecute('', 0),
        syncFrame,
      );
      expect(seen).toEqual({ parameters: undefined, fields: columns, rows: [rowOf(id)] });
    }
  });

  it("are the home shard's in answers of several shards", async () => {
    const types = [home['mood'] ?? 0];
    const away = everyKey.filter((id) => !homeKeys.has(id));
    const list = everyKey.slice(0, 4).join(', ');
    for (const [where, wanted] of [
      ['m = $1', everyKey],
      [`id IN (${away.join(', ')}) AND m = $1`, away],
      [`id IN (${list}) AND m = $1`, everyKey.slice(0, 4)],
    ] as const) {
      for (const order of ['', ' ORDER BY id']) {
        const seen = await session.extended(`SELECT * FROM things WHERE ${where}${order}`, types, ['happy']);
        expect({ ...seen, rows: sorted(seen.rows) }).toEqual({
          parameters: types,
          fields: columns,
          rows: sorted(wanted.map(rowOf)),
        });
        const simple = await session.simple(`SELECT * FROM things WHERE ${where.replace('$1', "'happy'")}${order}`);
        expect(simple.fields).toEqual(columns);
        expect(sorted(simple.rows)).toEqual(sorted(seen.rows));
      }
    }
  });

  it("are the home shard's for whole rows, arrays of them, domains as parameters and empty answers", async () => {
    for (const id of everyKey) {
      const seen = await session.extended(
        'SELECT t, array[t], r, $2::score AS s FROM things t WHERE id = $1',
        [INT4, home['score'] ?? 0],
        [String(id), '5'],
      );
      expect(seen.parameters).toEqual([INT4, home['score']]);
      expect(seen.fields.map(({ type }) => type)).toEqual([home['things'], home['_things'], home['span'], INT4]);
    }
    expect((await session.simple('SELECT * FROM things WHERE false')).fields).toEqual(columns);
    expect((await session.simple('SELECT * FROM things WHERE id = -1')).fields).toEqual(columns);
  });

  it("are the home shard's in UPDATE and DELETE with RETURNING", async () => {
    const types = [home['mood'] ?? 0];
    const updated = await session.extended('UPDATE things SET m = $1 WHERE s >= 0 RETURNING *', types, ['happy']);
    expect(updated.fields).toEqual(columns);
    expect(sorted(updated.rows)).toEqual(sorted(everyKey.map(rowOf)));
    for (const id of everyKey) {
      const one = await session.extended(`UPDATE things SET m = $1 WHERE id = ${id} RETURNING *`, types, ['happy']);
      expect(one).toEqual({ parameters: types, fields: columns, rows: [rowOf(id)] });
      const simple = await session.simple(`DELETE FROM things WHERE id = ${id} AND false RETURNING *`);
      expect(simple.fields).toEqual(columns);
    }
  });

  it('do not matter to statements that PostgreSQL finishes over shipped rows', async () => {
    const sql = `SELECT t.*, (t.p).a, array_agg(o.m ORDER BY o.id) FILTER (WHERE o.m = $1) AS all_of
      FROM things t JOIN things o ON o.id <> t.id WHERE t.ms @> ARRAY[$1] GROUP BY t.id`;
    const extra = [
      { name: 'a', type: INT4, table: 0 },
      { name: 'all_of', type: home['_mood'], table: 0 },
    ];
    const all = `{${everyKey
      .slice(1)
      .map(() => 'happy')
      .join(',')}}`;
    const wanted = everyKey.map((id) => [...rowOf(id), String(id), all]);
    const seen = await session.extended(sql, [home['mood'] ?? 0], ['happy']);
    expect(seen.fields).toEqual([...columns, ...extra]);
    expect(sorted(seen.rows)).toEqual(sorted(wanted));
    const simple = await session.simple(sql.replaceAll('$1', "'happy'::mood"));
    expect(sorted(simple.rows)).toEqual(sorted(wanted));
  });

  it('are known to a session that begins later, and to one that has not used every shard yet', async () => {
    const later = await Session.open(proxy);
    try {
      for (const id of everyKey) {
        expect((await later.simple(`SELECT * FROM things WHERE id = ${id}`)).fields).toEqual(columns);
      }
    } finally {
      later.close();
    }
  });

  it.each(['COMMIT', 'ROLLBACK'])('are learned anew after DDL, inside its transaction and after %s', async (end) => {
    const describe = async (): Promise<readonly (readonly number[])[]> => {
      const seen = new Set<string>();
      for (const id of everyKey) {
        const { fields } = await session.simple(`SELECT f, fs FROM made WHERE id = ${id}`);
        seen.add(JSON.stringify(fields.map(({ type, table }) => [type, table])));
      }
      return [...seen].map((text) => JSON.parse(text) as readonly number[]);
    };
    const ofHome = async (): Promise<readonly (readonly number[])[]> => {
      const { rows } = await session.simple(
        `SELECT 'feeling'::regtype::oid, 'feeling[]'::regtype::oid, 'made'::regclass::oid`,
      );
      const [type, array, table] = (rows[0] ?? []).map(Number);
      return [
        [type ?? 0, table ?? 0],
        [array ?? 0, table ?? 0],
      ];
    };
    const make = async (label: string): Promise<void> => {
      await session.simple(`CREATE TYPE feeling AS ENUM ('${label}')`);
      await session.simple('CREATE TABLE made (id int PRIMARY KEY, f feeling, fs feeling[])');
    };
    await make('first');
    const before = await ofHome();
    expect(await describe()).toEqual([before]);
    await session.simple('BEGIN');
    await session.simple('DROP TABLE made');
    await session.simple('DROP TYPE feeling');
    await make('second');
    const inside = await ofHome();
    expect(inside).not.toEqual(before);
    expect(await describe()).toEqual([inside]);
    await session.simple(end);
    expect(await describe()).toEqual([end === 'COMMIT' ? inside : before]);
    await session.simple('DROP TABLE made; DROP TYPE feeling');
  });
});

function sorted(rows: Seen['rows']): Seen['rows'] {
  return [...rows].sort((left, right) => Number(left[0]) - Number(right[0]));
}
