/** `npm run bench:planner`: what a statement costs in pgring up to its plan, found in the cache and made anew. */

import { Command } from 'commander';
import { positive } from '../../tests/support/command-line.js';
import { Client } from 'pg';
import { serialize } from 'pg-protocol';
import { openLog } from '../../base/log.js';
import { makeConfig } from '../../catalog/config.js';
import { loadSnapshot } from '../../catalog/load.js';
import type { CatalogSnapshot } from '../../catalog/schema.js';
import { loadParser } from '../../planner/parse/parser.js';
import { contextKey } from '../../planner/plan-cache.js';
import { type PlanningSession, StatementPlanner } from '../../proxy/statement-planner.js';
import { startServers } from '../../tests/support/cluster.js';
import { startTestProxy } from '../../tests/support/proxy.js';
import { readBind, readParse, readQuery } from '../../wire/frontend.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { formatBytes, markdownTable } from '../support/table.js';
import { readQuery as readTpchQuery } from '../tpch/queries.js';
import { createTable, tables } from '../tpch/tables.js';
import { type Cost, measureCost } from './cost.js';

interface Options {
  readonly seconds: number;
  readonly write: boolean;
}

interface Subject {
  readonly name: string;
  /** With a literal that is another each time; simple protocol. */
  readonly sql: (value: number) => string;
  /** The same with $1; undefined where the statement has no value to vary. */
  readonly parameterized: string;
}

const DATABASE = 'planner';

const subjects: readonly Subject[] = [
  {
    name: 'point select',
    sql: (value) => `SELECT o_totalprice FROM orders WHERE o_orderkey = ${value}`,
    parameterized: 'SELECT o_totalprice FROM orders WHERE o_orderkey = $1',
  },
  {
    name: 'co-located join',
    sql: (value) =>
      `SELECT o_orderdate, l_linenumber, l_quantity FROM orders JOIN lineitem ON l_orderkey = o_orderkey WHERE o_custkey = ${value} ORDER BY o_orderdate, l_linenumber LIMIT 20`,
    parameterized:
      'SELECT o_orderdate, l_linenumber, l_quantity FROM orders JOIN lineitem ON l_orderkey = o_orderkey WHERE o_custkey = $1 ORDER BY o_orderdate, l_linenumber LIMIT 20',
  },
  {
    name: 'point select from a view',
    sql: (value) => `SELECT total FROM order_totals WHERE orderkey = ${value}`,
    parameterized: 'SELECT total FROM order_totals WHERE orderkey = $1',
  },
  {
    name: 'TPC-H Q5',
    sql: (value) => queryFive().replace("'1994-01-01'", `'${1900 + (value % 1000)}-01-01'`),
    parameterized: queryFive().replace("r_name = 'ASIA'", 'r_name = $1'),
  },
];

function queryFive(): string {
  return readTpchQuery(5, 1).sql;
}

const program = new Command('bench:planner')
  .description('The cost of a statement up to its plan: time and allocated memory, in the cache and not.')
  .option('--seconds <count>', 'how long each figure is measured', positive, 1)
  .option('--write', 'write the result to docs/benchmarks.md', false)
  .addHelpText('after', '\nnpm run bench:planner -- --seconds 3\n');
program.parse();
const given = program.opts<Partial<Options>>();
await run({ seconds: given.seconds ?? 1, write: given.write ?? false });

async function run({ seconds, write }: Options): Promise<void> {
  const servers = await startServers({ count: 2 });
  try {
    const [home] = servers.servers;
    if (home === undefined) throw new Error('no server');
    const proxy = await startTestProxy(servers.servers);
    try {
      await makeTables(proxy);
    } finally {
      await proxy.close();
    }
    const catalog = await readCatalog(home);
    await loadParser();
    const rows = subjects.flatMap((subject) => rowsOf(subject, catalog, seconds * 1000));
    const where = `${await describeRun(home)}.`;
    const table = markdownTable(
      [
        { title: 'statement', align: 'left' },
        { title: 'what happens', align: 'left' },
        { title: 'µs', align: 'right' },
        { title: 'allocated', align: 'right' },
      ],
      rows,
    );
    process.stdout.write(`\n${table}\n\n${where}\n`);
    if (write) writeSection('docs/benchmarks.md', 'planner', `${where}\n\n${table}`);
  } finally {
    await servers.close();
  }
}

async function makeTables(address: { readonly host: string; readonly port: number }): Promise<void> {
  const admin = new Client({ host: address.host, port: address.port, user: 'postgres', database: 'postgres' });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${DATABASE}`);
  await admin.end();
  const client = new Client({ host: address.host, port: address.port, user: 'postgres', database: DATABASE });
  await client.connect();
  for (const table of tables) await client.query(createTable(table, 'co-located'));
  await client.query(
    'CREATE VIEW order_totals (orderkey, total) AS SELECT o_orderkey, o_totalprice FROM orders WHERE o_shippriority = 0',
  );
  await client.end();
}

async function readCatalog(home: { readonly host: string; readonly port: number }): Promise<CatalogSnapshot> {
  const client = new Client({ host: home.host, port: home.port, user: 'postgres', database: DATABASE });
  await client.connect();
  try {
    const types = { getTypeParser: () => (value: string) => value };
    return await loadSnapshot(
      async (sql) => (await client.query<Record<string, string | null>>({ text: sql, types })).rows,
      DATABASE,
    );
  } finally {
    await client.end();
  }
}

function newPlanner(planCacheEntries: number): StatementPlanner {
  const config = makeConfig({
    listen: [],
    shards: [{ name: 'a', host: '127.0.0.1', port: 1 }],
    store: { kind: 'file', path: 'unused' },
    limits: { planCacheEntries },
  });
  return new StatementPlanner(config, openLog('silent'));
}

function rowsOf(subject: Subject, catalog: CatalogSnapshot, forMs: number): readonly (readonly string[])[] {
  const searchPath = ['public'];
  const session: PlanningSession = {
    catalog,
    searchPath,
    isDump: false,
    contextKey: contextKey({ catalog, searchPath }),
  };
  const caching = newPlanner(10_000);
  const forgetful = newPlanner(0);
  const queries = Array.from({ length: 256 }, (_, index) => serialize.query(subject.sql(index + 1)));
  const parses = queries.map(() => serialize.parse({ text: subject.parameterized }));
  const bind = serialize.bind({ values: ['1'] });
  const simple = (planner: StatementPlanner) => (index: number) => {
    const frame = queries[index % queries.length];
    if (frame !== undefined) planner.plan(readQuery(frame), session, []);
  };
  const extended = (planner: StatementPlanner) => (index: number) => {
    const frame = parses[index % parses.length];
    if (frame === undefined) return;
    const { sql, parameterTypes } = readParse(frame);
    planner.plan(sql, session, parameterTypes);
    readBind(bind);
  };
  const line = (what: string, cost: Cost): readonly string[] => [
    subject.name,
    what,
    cost.microseconds.toFixed(cost.microseconds < 10 ? 1 : 0),
    formatBytes(Math.round(cost.bytes)),
  ];
  return [
    line('simple: Query, in the cache', measureCost(simple(caching), forMs)),
    line('extended: Parse and Bind, in the cache', measureCost(extended(caching), forMs)),
    line('simple: Query, planned anew', measureCost(simple(forgetful), forMs)),
    line('extended: Parse and Bind, planned anew', measureCost(extended(forgetful), forMs)),
  ];
}
