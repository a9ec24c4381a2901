/**
 * The data, as the specification's own generator makes it: by `tpchgen-cli` (pip install tpchgen-cli, a port of dbgen to
 * Rust whose output is dbgen's, byte for byte). Nothing of it is kept in the repository.
 */

import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type Layout, createTable, finishTable, tables } from './tables.js';

const GENERATOR = 'tpchgen-cli';

/** Makes the data of that scale factor, or finds it where it was made before; returns its folder of CSV files. */
export async function generateData(scale: number): Promise<string> {
  const folder = join(tmpdir(), `pgring-tpch-${scale}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}`;
  await mkdir(making, { recursive: true });
  const { status, error } = spawnSync(GENERATOR, ['csv', '-q', '-s', String(scale), `--output-dir=${making}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (error !== undefined || status !== 0) {
    await rm(making, { recursive: true, force: true });
    const reason = error === undefined ? `it ended with ${status}` : error.message;
    throw new Error(`${GENERATOR} did not make the data: ${reason}. Install it: pip install ${GENERATOR}`);
  }
  // Another run may have made the same data meanwhile.
  await rename(making, folder).catch(async () => {
    await rm(making, { recursive: true, force: true });
  });
  return folder;
}

/** Makes the tables in the client's database and fills them by COPY. */
export async function loadTables(client: Client, folder: string, layout: Layout | undefined): Promise<void> {
  await client.query('SET client_min_messages = warning');
  for (const table of tables) {
    await client.query(createTable(table, layout));
    const rows = createReadStream(join(folder, `${table.name}.csv`), { highWaterMark: 256 * 1024 });
    await pipeline(rows, client.query(copyFrom(`COPY ${table.name} FROM STDIN WITH (FORMAT csv, HEADER)`)));
    for (const statement of finishTable(table)) await client.query(statement);
  }
}
