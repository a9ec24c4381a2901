/** `npm run bench:stream`: how much memory an ordered answer of ten million rows takes, and what LIMIT leaves unread. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { positive } from '../../tests/support/command-line.js';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startServers } from '../../tests/support/cluster.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { type ProxyProcess, startProxyProcess } from '../support/proxy-process.js';
import { formatBytes, formatCount, markdownTable } from '../support/table.js';
import { CounterReader, type ReadCounters } from './counters.js';
import { type Protocol, type StreamRequest, type StreamResult, readStream } from './slow-client.js';

interface Options {
  readonly rows: number;
  readonly rate: number;
  readonly write: boolean;
}

const SHARDS = 4;
const DATABASE = 'postgres';
const SAMPLE_MS = 50;
const protocols: readonly Protocol[] = ['simple', 'extended'];

const program = new Command('bench:stream')
  .description('ORDER BY over four shards through a slow reader, and LIMIT on the same: memory, and what is read.')
  .option('--rows <count>', 'rows of the table', positive, 10_000_000)
  .option('--rate <megabytes>', 'what the slow reader takes in a second', positive, 20)
  .option('--write', 'write the result to docs/benchmarks.md', false)
  .addHelpText('after', '\nnpm run bench:stream -- --rows 1000000\n');
program.parse();
const given = program.opts<Partial<Options>>();
process.exitCode = await run({
  rows: given.rows ?? 10_000_000,
  rate: given.rate ?? 20,
  write: given.write ?? false,
});

interface Line {
  readonly statement: string;
  readonly protocol: Protocol;
  readonly index: boolean;
  readonly reader: string;
  readonly result: StreamResult;
  readonly peakBytes: number;
  readonly read: ReadCounters;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function run({ rows, rate, write }: Options): Promise<number> {
  say(`starting ${SHARDS} servers`);
  const servers = await startServers({ count: SHARDS, settings: { work_mem: '32MB', max_wal_size: '4GB' } });
  try {
    const proxy = await startProxyProcess(servers.servers);
    try {
      await load(proxy, rows);
      say(`pgring has ${formatBytes(proxy.residentBytes())} after loading`);
      const counters = await CounterReader.open(servers.servers, DATABASE, 'events');
      const lines = await measureAll(proxy, counters, rows, rate);
      await counters.close();
      const [first] = servers.servers;
      if (first === undefined) throw new Error('no server');
      const where = `${formatCount(rows)} rows over ${SHARDS} shards on one machine: ${await describeRun(first)}.`;
      const table = lineTable(lines);
      process.stdout.write(`\n${table}\n\n${where}\n`);
      if (write) writeSection('docs/benchmarks.md', 'stream', `${where}\n\n${table}`);
      return 0;
    } finally {
      await proxy.close();
    }
  } finally {
    await servers.close();
  }
}

async function load(proxy: ProxyProcess, rows: number): Promise<void> {
  const client = new Client({ host: proxy.host, port: proxy.port, user: 'postgres', database: DATABASE });
  await client.connect();
  try {
    await client.query('SET client_min_messages = warning');
    await client.query("CREATE TABLE events (id bigint, at bigint, note text) WITH (pgring.shard_key = 'id')");
    say(`copying ${formatCount(rows)} rows`);
    const start = performance.now();
    await pipeline(Readable.from(copyLines(rows)), client.query(copyFrom('COPY events FROM STDIN')));
    say(`copied in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    await client.query('VACUUM ANALYZE events');
  } finally {
    await client.end();
  }
}

/** Rows whose order by `at` has nothing to do with where they lie: multiples of a prime, modulo another. */
function* copyLines(rows: number): Generator<Buffer> {
  const lines: string[] = [];
  for (let id = 1; id <= rows; id += 1) {
    lines.push(`${id}\t${(id * 7_919) % 999_999_937}\tnote number ${id}\n`);
    if (lines.length === 4096 || id === rows) yield Buffer.from(lines.splice(0).join(''));
  }
}

async function measureAll(
  proxy: ProxyProcess,
  counters: CounterReader,
  rows: number,
  rate: number,
): Promise<readonly Line[]> {
  const ordered = 'SELECT at, id, note FROM events ORDER BY at';
  const limited = `${ordered} LIMIT 10`;
  const lines: Line[] = [];
  const add = async (
    index: boolean,
    request: Pick<StreamRequest, 'protocol' | 'sql' | 'rowLimit' | 'bytesPerSecond'>,
  ) => {
    const line = await measure(proxy, counters, index, request);
    lines.push(line);
    const { result, read, peakBytes, statement, protocol } = line;
    say(
      `${statement} (${protocol}, ${index ? 'index' : 'no index'}): ${formatCount(result.rows)} rows in ` +
        `${result.seconds.toFixed(2)} s, at most ${formatBytes(peakBytes)}, the servers read ` +
        `${formatCount(read.sequentialRows)} rows of the table and ${formatCount(read.indexRows)} of the index`,
    );
    if (!result.ordered) throw new Error(`${statement} came in the wrong order`);
    return line;
  };
  for (const index of [false, true]) {
    if (index) await createIndex(proxy);
    for (const protocol of protocols) {
      await add(index, { protocol, sql: limited, rowLimit: 0, bytesPerSecond: undefined });
    }
    await add(index, { protocol: 'extended', sql: ordered, rowLimit: 10, bytesPerSecond: undefined });
    await add(index, {
      protocol: 'extended',
      sql: 'SELECT at, id, note FROM events',
      rowLimit: 1,
      bytesPerSecond: undefined,
    });
  }
  for (const protocol of protocols) {
    const { result } = await add(true, { protocol, sql: ordered, rowLimit: 0, bytesPerSecond: rate * 1e6 });
    if (result.rows !== rows) throw new Error(`${result.rows} rows of ${rows} came`);
  }
  await add(true, { protocol: 'simple', sql: ordered, rowLimit: 0, bytesPerSecond: undefined });
  return lines;
}

async function createIndex(proxy: ProxyProcess): Promise<void> {
  const client = new Client({ host: proxy.host, port: proxy.port, user: 'postgres', database: DATABASE });
  await client.connect();
  try {
    say('making the index');
    await client.query('CREATE INDEX ON events (at)');
  } finally {
    await client.end();
  }
}

async function measure(
  proxy: ProxyProcess,
  counters: CounterReader,
  index: boolean,
  request: Pick<StreamRequest, 'protocol' | 'sql' | 'rowLimit' | 'bytesPerSecond'>,
): Promise<Line> {
  const { result, read } = await counters.during(async () => {
    let peakBytes = 0;
    const sampling = new AbortController();
    const sampler = (async (): Promise<void> => {
      while (!sampling.signal.aborted) {
        peakBytes = Math.max(peakBytes, proxy.residentBytes());
        await sleep(SAMPLE_MS);
      }
    })();
    try {
      const stream = await readStream({ host: proxy.host, port: proxy.port, database: DATABASE, ...request });
      return { stream, peak: () => Math.max(peakBytes, proxy.residentBytes()) };
    } finally {
      sampling.abort();
      await sampler;
    }
  });
  const { protocol, sql, rowLimit, bytesPerSecond } = request;
  return {
    statement: rowLimit > 0 ? `${sql}, Execute of ${rowLimit}` : sql,
    protocol,
    index,
    reader: bytesPerSecond === undefined ? 'fast' : `${bytesPerSecond / 1e6} MB/s`,
    result: result.stream,
    peakBytes: result.peak(),
    read,
  };
}

function lineTable(lines: readonly Line[]): string {
  return markdownTable(
    [
      { title: 'statement', align: 'left' },
      { title: 'protocol', align: 'left' },
      { title: 'index on `at`', align: 'left' },
      { title: 'reader', align: 'left' },
      { title: 'rows', align: 'right' },
      { title: 'seconds', align: 'right' },
      { title: 'peak RSS of pgring', align: 'right' },
      { title: 'rows read by seq scan', align: 'right' },
      { title: 'index entries read', align: 'right' },
    ],
    lines.map(({ statement, protocol, index, reader, result, peakBytes, read }) => [
      `\`${statement.replace(/, Execute of (\d+)$/, '`, Execute of $1 rows')}${statement.includes('Execute') ? '' : '`'}`,
      protocol,
      index ? 'yes' : 'no',
      reader,
      formatCount(result.rows),
      result.seconds.toFixed(2),
      formatBytes(peakBytes),
      formatCount(read.sequentialRows),
      formatCount(read.indexRows),
    ]),
  );
}
