/** `npm run bench:copy`: COPY FROM STDIN of ten million rows over four shards, beside COPY into one PostgreSQL. */

import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { wholeNumber } from '../../tests/support/command-line.js';
import { startServers } from '../../tests/support/cluster.js';
import { temporaryFolder } from '../../tests/support/folder.js';
import { withClient } from '../../tests/support/proxy.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { type ProxyProcess, startProxyProcess } from '../support/proxy-process.js';
import { formatBytes, formatCount, markdownTable } from '../support/table.js';
import { columnsOf, optionsOf, shapes, writeRows, type Shape } from './rows.js';
import { sendFile } from './send-file.js';

interface Options {
  readonly rows: number;
  readonly write: boolean;
}

const SHARDS = 4;
const DATABASE = 'postgres';
const SAMPLE_MS = 50;
const MEGABYTE = 1_000_000;

const program = new Command('bench:copy')
  .description('COPY FROM STDIN split over four shards, and into one PostgreSQL in the same run: time and memory.')
  .option('--rows <count>', 'rows of each file', wholeNumber(1), 10_000_000)
  .option('--write', 'write the result to docs/benchmarks.md', false)
  .addHelpText('after', '\nnpm run bench:copy -- --rows 1000000\n');
program.parse();
process.exitCode = await run(program.opts<Options>());

interface Line {
  readonly shape: Shape;
  readonly bytes: number;
  readonly oneSeconds: number;
  readonly pgringSeconds: number;
  readonly peakBytes: number;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function run({ rows, write }: Options): Promise<number> {
  say(`starting ${SHARDS + 1} servers`);
  const servers = await startServers({ count: SHARDS + 1, settings: { max_wal_size: '4GB' } });
  const folder = await temporaryFolder();
  try {
    const [one, ...shards] = servers.servers;
    if (one === undefined) throw new Error('no server');
    const proxy = await startProxyProcess(shards);
    try {
      const lines: Line[] = [];
      for (const shape of shapes) lines.push(await measure(shape, rows, join(folder.path, 'rows'), one, proxy));
      const where = `${formatCount(rows)} rows over ${SHARDS} shards on one machine: ${await describeRun(one)}.`;
      const table = lineTable(lines, rows);
      process.stdout.write(`\n${table}\n\n${where}\n`);
      if (write) writeSection('docs/benchmarks.md', 'copy', `${where}\n\n${table}`);
      return 0;
    } finally {
      await proxy.close();
    }
  } finally {
    await servers.close();
    folder[Symbol.dispose]();
  }
}

async function measure(
  shape: Shape,
  rows: number,
  path: string,
  one: { readonly host: string; readonly port: number },
  proxy: ProxyProcess,
): Promise<Line> {
  say(`${shape}: writing ${formatCount(rows)} rows`);
  const bytes = await writeRows(path, shape, rows);
  const columns = '(id serial, tenant int, at timestamptz, note text)';
  const copy = `COPY events ${columnsOf(shape)} FROM STDIN ${optionsOf(shape)}`;
  await execute(one, ['DROP TABLE IF EXISTS events', `CREATE TABLE events ${columns}`, 'CHECKPOINT']);
  const oneSeconds = await sendFile({ ...one, database: DATABASE }, copy, path);
  say(`one PostgreSQL: ${oneSeconds.toFixed(1)} s`);
  await execute(one, ['DROP TABLE events', 'CHECKPOINT']);
  await execute(proxy, [
    'DROP TABLE IF EXISTS events',
    `CREATE TABLE events ${columns} WITH (pgring.shard_key = 'id')`,
  ]);
  let peakBytes = 0;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, proxy.residentBytes());
  }, SAMPLE_MS);
  const pgringSeconds = await sendFile({ host: proxy.host, port: proxy.port, database: DATABASE }, copy, path);
  clearInterval(sampler);
  say(`pgring: ${pgringSeconds.toFixed(1)} s, at most ${formatBytes(peakBytes)}`);
  await checkRows(proxy, rows);
  await execute(proxy, ['DROP TABLE events']);
  // What the servers still write of one run is not to be counted to the next.
  await sleep(1_000);
  return { shape, bytes, oneSeconds, pgringSeconds, peakBytes };
}

async function checkRows(proxy: ProxyProcess, rows: number): Promise<void> {
  await withClient(proxy, DATABASE, async (client) => {
    const sql = 'SELECT count(*) AS rows, min(id) AS first, max(id) AS last FROM events';
    const answer = await client.query<{ rows: string; first: number; last: number }>(sql);
    const [row] = answer.rows;
    if (Number(row?.rows) !== rows || row?.first !== 1 || row.last !== rows) {
      throw new Error(`the table holds ${JSON.stringify(row)}`);
    }
  });
}

async function execute(
  address: { readonly host: string; readonly port: number },
  statements: readonly string[],
): Promise<void> {
  await withClient(address, DATABASE, async (client) => {
    await client.query('SET client_min_messages = warning');
    for (const sql of statements) await client.query(sql);
  });
}

function lineTable(lines: readonly Line[], rows: number): string {
  const rate = (bytes: number, seconds: number): string[] => [
    seconds.toFixed(1),
    formatCount(rows / seconds),
    (bytes / seconds / MEGABYTE).toFixed(0),
  ];
  return markdownTable(
    [
      { title: 'data', align: 'left' },
      { title: 'one PostgreSQL: s', align: 'right' },
      { title: 'rows/s', align: 'right' },
      { title: 'MB/s', align: 'right' },
      { title: 'pgring: s', align: 'right' },
      { title: 'rows/s', align: 'right' },
      { title: 'MB/s', align: 'right' },
      { title: 'pgring against one', align: 'right' },
      { title: 'peak RSS of pgring', align: 'right' },
    ],
    lines.map(({ shape, bytes, oneSeconds, pgringSeconds, peakBytes }) => [
      shape,
      ...rate(bytes, oneSeconds),
      ...rate(bytes, pgringSeconds),
      `${(oneSeconds / pgringSeconds).toFixed(2)}×`,
      formatBytes(peakBytes),
    ]),
  );
}
