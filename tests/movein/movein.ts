/**
 * `npm run movein -- --dump FILE [--dump FILE …] [--programs DIR] [--shards N] [--servers 15|18]`: loads psql scripts into one
 * PostgreSQL, moves the database into pgring as `pgring advise` proposes, and out again. Whatever differs is printed, and
 * makes it fail. --programs: the folder of a psql, pg_dump and pg_restore as new as the servers.
 */

import { parseArgs } from 'node:util';
import { reportText } from '../../cli/advise/report.js';
import { startServers } from '../support/cluster.js';
import { runProgram } from '../support/program.js';
import { withClient } from '../support/proxy.js';
import { runPsql } from '../support/psql.js';
import { moveInAndOut } from './move.js';

const DATABASE = 'moving';

const { values } = parseArgs({
  options: {
    dump: { type: 'string', multiple: true },
    programs: { type: 'string', default: '' },
    shards: { type: 'string', default: '3' },
    servers: { type: 'string' },
  },
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const files = values.dump ?? [];
if (files.length === 0) throw new Error('--dump FILE: a psql script that makes a schema with its data');
const prefix = values.programs === '' ? '' : `${values.programs}/`;
const version = Number(/\d+/.exec((await runProgram(`${prefix}pg_dump`, ['--version'])).stdout)?.[0]);
const majorVersion = values.servers === '15' || (values.servers === undefined && version < 18) ? 15 : 18;
const shards = Number(values.shards);
const started = await startServers({
  count: shards + 1,
  majorVersion,
  settings: { max_prepared_transactions: '50' },
});
try {
  const [source, ...others] = started.servers;
  if (source === undefined) throw new Error('no server');
  await withClient(source, 'postgres', async (client) => {
    await client.query(`CREATE DATABASE ${DATABASE}`);
  });
  const parameters = ['--quiet', ...files.map((file) => `--file=${file}`)];
  const loaded = await runPsql('', { host: source.host, port: source.port, database: DATABASE, parameters });
  for (const line of loaded.stderr.split('\n')) if (/ERROR|FATAL|error:/.test(line)) say(`the script itself: ${line}`);
  const move = await moveInAndOut({ source, database: DATABASE, shards: others, programs: values.programs, say });
  say(reportText(move.advice));
  for (const line of move.errors) say(`moving in: ${line}`);
  for (const line of move.differences) say(`dump: ${line}`);
  for (const line of move.viewDifferences) say(`view: ${line}`);
  const kinds = ['sharded', 'reference', 'home'].map(
    (kind) => `${move.advice.tables.filter(({ placement }) => placement.kind === kind).length} ${kind}`,
  );
  const { in: seconds, out, restore } = move.seconds;
  say(
    `PostgreSQL ${majorVersion}, ${shards} shards: ${move.advice.tables.length} tables (${kinds.join(', ')}), ${move.rows} rows; ` +
      `in ${seconds.toFixed(1)} s, out ${out.toFixed(1)} s, pg_restore ${restore.toFixed(1)} s; ` +
      `${move.errors.length} errors, ${move.differences.length} differences, ` +
      `${move.viewDifferences.length} of ${move.views} views differ`,
  );
  const isEqual = [move.errors, move.differences, move.viewDifferences].every((list) => list.length === 0);
  process.exitCode = isEqual ? 0 : 1;
} finally {
  await started.close();
}
