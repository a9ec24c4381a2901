import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';
import { loadConfig } from '../../../catalog/config.js';
import { ruleFor } from '../../../catalog/config-rules.js';
import { advise, parseWish, type Advice } from '../../../cli/advise/advice.js';
import { converse } from '../../../cli/advise/dialogue.js';
import { readDumpFile } from '../../../cli/advise/read-dump.js';
import { readServer } from '../../../cli/advise/read-server.js';
import { reportJson, reportText } from '../../../cli/advise/report.js';
import { rulesText } from '../../../cli/advise/rules.js';
import { Failure } from '../../../cli/failure.js';
import { temporaryFolder } from '../../support/folder.js';
import { runPgring } from '../../support/process.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';

const database = 'advised';

const schemaSql = `
  CREATE TABLE countries (code text PRIMARY KEY, name text);
  CREATE TABLE "Customers" (id bigint PRIMARY KEY, country text REFERENCES countries, email text);
  CREATE TABLE orders (customer_id bigint REFERENCES "Customers", id bigint, note text, PRIMARY KEY (customer_id, id));
  CREATE TABLE log (at date NOT NULL, customer_id int, message jsonb) PARTITION BY RANGE (at);
  CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE FUNCTION count_orders() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders';
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := now()::text; RETURN NEW; END';
  CREATE TRIGGER touched BEFORE UPDATE ON countries FOR EACH ROW EXECUTE FUNCTION touch();
`;
const rowsSql = `
  INSERT INTO countries SELECT 'c' || i, 'x' FROM generate_series(1, 20) AS i;
  INSERT INTO "Customers" SELECT i, 'c1', 'e' FROM generate_series(1, 3000) AS i;
  INSERT INTO orders SELECT i % 3000 + 1, i, 'n' FROM generate_series(1, 9000) AS i;
  INSERT INTO log SELECT '2026-02-02', i, '{}' FROM generate_series(1, 9000) AS i;
  ANALYZE;
`;

describe('pgring advise', () => {
  let url: string;
  let advice: Advice;

  beforeAll(async () => {
    const { oracle } = await createDatabaseEverywhere(database);
    url = `postgresql://postgres@${oracle.host}:${oracle.port}/${database}`;
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(schemaSql);
    await client.query(rowsSql);
    await client.end();
    advice = advise(await readServer(url), 3, new Map());
  });

  afterAll(async () => {
    await dropDatabaseEverywhere(database);
  });

  const placements = ({ tables }: Advice): Record<string, string> =>
    Object.fromEntries(
      tables.map(({ table, placement }) => [
        table.name,
        placement.kind === 'sharded' ? placement.key.join(', ') : placement.kind,
      ]),
    );

  it('reads a server and tells why', () => {
    expect(placements(advice)).toEqual({
      countries: 'reference',
      Customers: 'id',
      orders: 'customer_id',
      log: expect.stringMatching(/at|customer_id/) as unknown,
    });
    const shown = reportText(advice);
    expect(shown).toContain('rows lie with those of Customers that (customer_id) points at');
    expect(shown).toContain('public.count_orders(), which reads the sharded table "orders"');
    expect(shown).toMatch(/countries: UPDATE, for its trigger touched/);
    expect(shown).toMatch(/3000 rows/);
  });

  it('tells a program the same, and what each alternative would break', () => {
    const document = JSON.parse(reportJson(advice)) as {
      tables: { name: string; alternatives: { placement: unknown; refused: { constraint: string }[] }[] }[];
    };
    const customers = document.tables.find(({ name }) => name === 'Customers');
    expect(customers?.alternatives).toContainEqual(
      expect.objectContaining({
        placement: { kind: 'home' },
        refused: [expect.objectContaining({ constraint: 'orders_customer_id_fkey' })],
      }),
    );
    const orders = document.tables.find(({ name }) => name === 'orders');
    expect(orders?.alternatives.find(({ placement }) => JSON.stringify(placement).includes('"id"'))?.refused).toEqual([
      expect.objectContaining({ constraint: 'orders_customer_id_fkey' }),
    ]);
  });

  it('gives rules that pgring takes, for partitions too', async () => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'pgring.yaml');
    writeFileSync(file, `shards: [{ name: a }]\n${rulesText(advice.schema.tables, advice.choices)}`);
    const { placement } = loadConfig(file);
    for (const { table, placement: advised } of advice.tables) {
      for (const { schema, name } of [table, ...table.members]) {
        expect(ruleFor(placement, schema, name, [])).toEqual(advised);
      }
    }
    expect(placement.tables.map(({ name }) => name)).toContain('log_2026');
  });

  it('reads the same of a dump', async () => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'dump.sql');
    const copied = 'COPY public.orders (customer_id, id, note) FROM stdin;\n1\t1\tn\n2\t2\tn\n\\.\n';
    writeFileSync(file, `SET search_path = public;\n${schemaSql}\n${copied}ALTER TABLE orders OWNER TO nobody_here;\n`);
    const schema = await readDumpFile(file);
    expect(schema.remarks).toEqual([]);
    expect(schema.tables.map(({ name, rows }) => [name, rows])).toContainEqual(['orders', 2]);
    expect(schema.tables.map(({ name }) => name).sort()).toEqual(['Customers', 'countries', 'log', 'orders']);
    writeFileSync(file, 'PGDMP\u0001');
    await expect(readDumpFile(file)).rejects.toThrow(Failure);
    await expect(readDumpFile(join(folder.path, 'nothing'))).rejects.toThrow('cannot be read');
  });

  it('takes a person’s choices, or says what is wrong with them', () => {
    const wish = parseWish('Customers=reference', advice.schema);
    if (typeof wish === 'string') throw new Error(wish);
    const changed = advise(advice.schema, 3, new Map([[wish.table.oid, wish.placement]]));
    expect(placements(changed)).toMatchObject({
      Customers: 'reference',
      countries: 'reference',
      orders: 'customer_id',
    });
    expect(parseWish('orders=id', advice.schema)).toMatchObject({ placement: { key: ['id'] } });
    expect(parseWish('orders=note', advice.schema)).toContain('PRIMARY KEY (note, customer_id, id) would do');
    expect(parseWish('log=message', advice.schema)).toContain('a column of type jsonb is no shard key');
    expect(parseWish('nowhere=x', advice.schema)).toBe('there is no table nowhere');
    expect(parseWish('orders', advice.schema)).toContain('table=column');
  });

  it('talks', async () => {
    using folder = await temporaryFolder();
    const file = join(folder.path, 'rules.yaml');
    const input = new PassThrough();
    const output = new PassThrough();
    input.end(`help\norders\nCustomers=home\nundo\nnowhere\nundo\nwrite\nwrite ${file}\nwrite ${file}\nquit\n`);
    const said = text(output);
    await converse(advice, input, output);
    output.end();
    const shown = await said;
    expect(shown).toContain('orders: sharded by customer_id');
    expect(shown).toContain('Customers: sharded by id → home');
    expect(shown).toContain('Customers: home → sharded by id');
    expect(shown).toContain('there is no table nowhere');
    expect(shown).toContain('nothing was chosen yet');
    expect(shown).toContain('write needs the name of a file');
    expect(shown).toContain('is not written: EEXIST');
    expect(readFileSync(file, 'utf8')).toBe(rulesText(advice.schema.tables, advice.choices));
  });

  it('runs as a command', async () => {
    const json = await runPgring(['advise', '--server', url, '--json', '--shards', '3']);
    expect(JSON.parse(json.stdout)).toMatchObject({ shards: 3, workload: null });
    const yaml = await runPgring(['advise', '--server', url, '--format', 'yaml', '--set', 'orders=home']);
    expect(yaml.exitCode).toBe(0);
    expect(yaml.stdout).toContain('public.orders: { placement: home }');
    const broken = await runPgring(['advise', '--server', url, '--set', 'orders=id', '--set', 'Customers=id']);
    expect(broken.exitCode).toBe(1);
    expect(broken.stdout).toContain('Refused with these choices');
    const neither = await runPgring(['advise']);
    expect(neither.exitCode).toBe(2);
    expect(neither.stderr).toContain('Of a dump:   pgring advise --dump dump.sql');
    const away = await runPgring(['advise', '--server', 'postgresql://postgres:secret@127.0.0.1:1/x']);
    expect(away.exitCode).toBe(5);
    expect(away.stderr).not.toContain('secret');
  });
});
