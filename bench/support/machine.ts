/** Where and of what a figure was measured: without that, no figure means anything. */

import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { Client } from 'pg';
import { repositoryRoot } from '../../tests/support/repo.js';

/** One line for the page: the processor, the memory, Node, PostgreSQL, pgring's commit and the day. */
export async function describeRun(server: { readonly host: string; readonly port: number }): Promise<string> {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const processor = `${cpus().length} cores of ${first?.model ?? 'an unknown processor'}, ${gigabytes} GiB of memory`;
  const software = `Node ${process.versions.node}, PostgreSQL ${await versionOf(server)}`;
  return `${processor}; ${software}; pgring at commit ${commit()}; ${new Date().toISOString().slice(0, 10)}`;
}

async function versionOf(server: { readonly host: string; readonly port: number }): Promise<string> {
  const client = new Client({ host: server.host, port: server.port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version ?? '?';
  } finally {
    await client.end();
  }
}

function commit(): string {
  const git = (...parameters: string[]): string =>
    execFileSync('git', ['-C', repositoryRoot, ...parameters], { encoding: 'utf8' }).trim();
  const hash = git('rev-parse', '--short', 'HEAD');
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', '*.ts').length > 0;
  return changed ? `${hash} with changes` : hash;
}
