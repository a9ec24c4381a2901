import * as fc from 'fast-check';
import { Client } from 'pg';
import { PgError } from '../../../base/errors.js';
import type { CopyFormat } from '../../../planner/plan/plan.js';
import type { CopySource } from '../../../router/copy/splitter.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../../support/shared-servers.js';
import { copyFrom, copyTo, optionsOf, split } from './copy-data.js';
import { binaryFormat, csvFormat, textFormat } from './formats.js';

const database = 'router_copy_splitter';
let client: Client;
let serverVersion: number;

beforeAll(async () => {
  const { oracle } = await createDatabaseEverywhere(database);
  client = new Client({ host: oracle.host, port: oracle.port, user: 'postgres', database });
  await client.connect();
  const shown = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  serverVersion = Number(shown.rows[0]?.server_version_num);
  await client.query('CREATE TABLE original (n int, a text, b text, c text)');
  for (const name of ['whole', 'shard_0', 'shard_1', 'shard_2']) {
    await client.query(`CREATE TABLE ${name} (LIKE original)`);
  }
  await client.query('CREATE TABLE raw (a text, b text)');
});

afterAll(async () => {
  await client.end();
  await dropDatabaseEverywhere(database);
});

const nasty = fc.option(
  fc.oneof(
    fc.string({
      unit: fc.constantFrom(
        'a',
        'N',
        '\\',
        '.',
        '\t',
        '\n',
        '\r',
        '"',
        "'",
        ',',
        ';',
        '|',
        'x',
        '1',
        ' ',
        'é',
        '😀',
        '\u0001',
        '\v',
      ),
      maxLength: 12,
    }),
    fc.constantFrom('', '\\N', '\\.', '\\.\n', 'NULL', '\r\n', 'a"b', '""', "'", 'x'.repeat(5000)),
  ),
  { freq: 6 },
);
const chunkSizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3000 })), {
  minLength: 1,
  maxLength: 4,
});

interface Table {
  readonly n: number;
  readonly a: string | null;
  readonly b: string | null;
  readonly c: string | null;
}

async function readTable(name: string): Promise<Table[]> {
  return (await client.query<Table>(`SELECT * FROM ${name} ORDER BY n`)).rows;
}

/** Splits what PostgreSQL writes for the rows, and loads each shard's piece again. */
async function checkRoundTrip(
  format: CopyFormat,
  rows: readonly (readonly [string | null, string | null, string | null])[],
  sizes: readonly number[],
  key: readonly number[],
  rewrite: (data: Buffer) => Buffer,
): Promise<void> {
  await client.query('TRUNCATE original, whole, shard_0, shard_1, shard_2');
  await client.query(
    'INSERT INTO original SELECT n, a, b, c FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS u (a, b, c, n)',
    [rows.map((row) => row[0]), rows.map((row) => row[1]), rows.map((row) => row[2])],
  );
  // COPY TO writes the header of `match` as that of `true`.
  const options = optionsOf({ ...format, header: format.header === 'no' ? 'no' : 'yes' });
  const written = await copyTo(client, `COPY (SELECT * FROM original ORDER BY n) TO STDOUT (${options})`);
  const data = rewrite(written);
  // In some formats NULL and its text cannot be told apart, so what counts is how PostgreSQL reads the data.
  await copyFrom(client, `COPY whole FROM STDIN (${optionsOf(format)})`, data);
  const whole = await readTable('whole');
  const columns = ['n', 'a', 'b', 'c'];
  const source: CopySource = { format, relation: 'original', columns, key, serverVersion };
  const found = split(source, data, sizes);
  expect(found.error).toBeUndefined();
  const expectedKeys = whole.map((row) => {
    const values = [format.kind === 'binary' ? int4(row.n) : String(row.n), row.a, row.b, row.c];
    return key.map((column) => values[column] ?? null);
  });
  expect(found.rows.map((row) => row.key.map((value) => value?.toString() ?? null))).toEqual(expectedKeys);
  for (const shard of [0, 1, 2]) {
    const own = found.rows.filter((_, index) => index % 3 === shard).map((row) => row.raw);
    const piece = Buffer.concat([found.before, ...own, found.after]);
    await copyFrom(client, `COPY shard_${shard} FROM STDIN (${optionsOf(format)})`, piece);
  }
  const loaded = (await Promise.all([0, 1, 2].map((shard) => readTable(`shard_${shard}`)))).flat();
  expect(loaded.sort((a, b) => a.n - b.n)).toEqual(whole);
}

function int4(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes.toString();
}

const table = fc.array(fc.tuple(nasty, nasty, nasty), { maxLength: 12 });
const keys = fc.constantFrom([0], [1], [2, 1], [3, 0], [1, 2, 3]);
const same = (data: Buffer): Buffer => data;

describe('what PostgreSQL writes is split into rows with the keys that it has, and each piece loads', () => {
  it('text', async () => {
    // In text, line ends inside values are escaped, so those that are left can be replaced.
    const lineEnds = fc.constantFrom('\n', '\r\n', '\r');
    await fc.assert(
      fc.asyncProperty(textFormat, table, chunkSizes, keys, lineEnds, async (format, rows, sizes, key, lineEnd) => {
        // PostgreSQL cannot read a header that has a column named like NULL.
        fc.pre(format.header !== 'match' || format.nullText !== 'a');
        await checkRoundTrip(format, rows, sizes, key, (data) =>
          Buffer.from(data.toString('latin1').replaceAll('\n', lineEnd), 'latin1'),
        );
      }),
      { numRuns: 60, seed: 41 },
    );
  });

  it('csv', async () => {
    await fc.assert(
      fc.asyncProperty(csvFormat, table, chunkSizes, keys, async (format, rows, sizes, key) => {
        fc.pre(format.header !== 'match' || format.nullText !== 'a');
        await checkRoundTrip(format, rows, sizes, key, same);
      }),
      { numRuns: 60, seed: 42 },
    );
  });

  it('binary', async () => {
    await fc.assert(
      fc.asyncProperty(table, chunkSizes, keys, fc.boolean(), async (rows, sizes, key, withExtension) => {
        await checkRoundTrip(binaryFormat, rows, sizes, key, (data) =>
          withExtension
            ? Buffer.concat([data.subarray(0, 15), Buffer.from([0, 0, 0, 3, 1, 2, 3]), data.subarray(19)])
            : data,
        );
      }),
      { numRuns: 30, seed: 43 },
    );
  });
});

interface PostgresAnswer {
  readonly rows: readonly { readonly a: string | null; readonly b: string | null }[];
  readonly error:
    { readonly message: string; readonly code: string; readonly where?: string; readonly hint?: string } | undefined;
}

async function askPostgres(format: CopyFormat, data: Buffer): Promise<PostgresAnswer> {
  await client.query('TRUNCATE raw');
  try {
    await copyFrom(client, `COPY raw FROM STDIN (${optionsOf(format)})`, data);
  } catch (error) {
    return { rows: [], error: error as NonNullable<PostgresAnswer['error']> };
  }
  const result = await client.query<{ a: string | null; b: string | null }>('SELECT a, b FROM raw ORDER BY ctid');
  return { rows: result.rows, error: undefined };
}

/** Columns beyond the key, and what is in a header, are not looked at before a shard does. */
function isShardsToRefuse(format: CopyFormat, message: string): boolean {
  const ofHeader = /^(?:wrong number of fields in header|column name mismatch|unterminated CSV quoted field)/;
  return message.startsWith('extra data after last') || (format.header === 'match' && ofHeader.test(message));
}

function reportOf(error: unknown): unknown {
  if (!(error instanceof PgError)) return error;
  return { message: error.message, sqlstate: error.sqlstate, where: error.fields.where, hint: error.fields.hint };
}

/** Both columns are keys, so all is seen except columns beyond them, which are the shards' to refuse. */
async function checkAgainstPostgres(format: CopyFormat, data: Buffer, sizes: readonly number[]): Promise<void> {
  const expected = await askPostgres(format, data);
  const found = split({ format, relation: 'raw', columns: ['a', 'b'], key: [0, 1], serverVersion }, data, sizes);
  const { error } = expected;
  if (error === undefined) {
    expect(found.error).toBeUndefined();
    expect(found.rows.map((row) => row.key.map((value) => value?.toString() ?? null))).toEqual(
      expected.rows.map((row) => [row.a, row.b]),
    );
  } else if (!isShardsToRefuse(format, error.message)) {
    expect(reportOf(found.error)).toEqual({
      message: error.message,
      sqlstate: error.code,
      where: error.where,
      hint: error.hint,
    });
  }
}

describe('anything at all is read as PostgreSQL reads it, or refused with its words', () => {
  const soup = (characters: readonly string[]): fc.Arbitrary<Buffer> =>
    fc
      .array(fc.oneof(fc.constantFrom(...characters), fc.constantFrom('a\tb\n', 'a,b\n', 'a,b\r\n', 'a\tb\r\n')), {
        maxLength: 14,
      })
      .map((parts) => Buffer.from(parts.join('')));

  it('text', async () => {
    const data = soup([
      'a',
      'N',
      '\\',
      '\\',
      '\t',
      '\t',
      '\n',
      '\n',
      '\r',
      '\r\n',
      '\\.',
      '\\.\n',
      ',',
      'x',
      '1',
      '4',
      'n',
      't',
      '\\x4',
      '\\14',
      '\\t',
      'é',
    ]);
    await fc.assert(fc.asyncProperty(textFormat, data, chunkSizes, checkAgainstPostgres), { numRuns: 400, seed: 51 });
  });

  it('csv', async () => {
    const data = soup([
      'a',
      'N',
      '\\',
      '"',
      '"',
      "'",
      ',',
      ',',
      '\n',
      '\n',
      '\r',
      '\r\n',
      '\\.',
      '\\.\n',
      'x',
      ';',
      'é',
    ]);
    await fc.assert(fc.asyncProperty(csvFormat, data, chunkSizes, checkAgainstPostgres), { numRuns: 400, seed: 52 });
  });

  it('binary, cut or damaged', async () => {
    const valid = Buffer.concat([
      Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1'),
      Buffer.from([0, 2, 0, 0, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0x62, 0x63]),
      Buffer.from([0xff, 0xff]),
    ]);
    const damage = fc.oneof(
      fc.integer({ min: 0, max: valid.length }).map((end) => valid.subarray(0, end)),
      fc
        .tuple(fc.integer({ min: 0, max: valid.length - 1 }), fc.constantFrom(0, 1, 2, 0x7f, 0xff))
        .map(([at, byte]) => {
          const damaged = Buffer.from(valid);
          damaged[at] = byte;
          return damaged;
        }),
      fc.constant(Buffer.concat([valid, Buffer.from([0])])),
    );
    await fc.assert(
      fc.asyncProperty(damage, chunkSizes, async (data, sizes) => {
        const expected = await askPostgres(binaryFormat, data);
        if (expected.error?.code === '22021') return;
        await checkAgainstPostgres(binaryFormat, data, sizes);
      }),
      { numRuns: 300, seed: 53 },
    );
  });
});
