/**
 * The servers that all integration tests share: four shards and one oracle, with fsync off. Each test file works in a
 * database of its own; a file that stops or kills servers starts its own by cluster.ts.
 */

import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Client } from 'pg';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** The folder of the Unix socket, to be used as a host. */
  readonly socketDirectory: string;
}

export interface SharedServers {
  readonly shards: readonly ServerAddress[];
  /** A single PostgreSQL of the same version: what it answers is right. */
  readonly oracle: ServerAddress;
}

let answer: Promise<SharedServers> | undefined;

/** The shared servers; the first call of a run starts them. */
async function sharedServers(): Promise<SharedServers> {
  answer ??= askKeeper();
  return await answer;
}

/** Makes an empty database of that name on every shared server, in place of one that is there. */
export async function createDatabaseEverywhere(name: string): Promise<SharedServers> {
  const servers = await sharedServers();
  await onAll(servers, [`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`, `CREATE DATABASE "${name}"`]);
  return servers;
}

/** Removes the database from every shared server, whoever is still connected to it. */
export async function dropDatabaseEverywhere(name: string): Promise<void> {
  await onAll(await sharedServers(), [`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`]);
}

async function onAll(servers: SharedServers, statements: readonly string[]): Promise<void> {
  await Promise.all(
    [...servers.shards, servers.oracle].map(async ({ host, port }) => {
      const client = new Client({ host, port, user: 'postgres', database: 'postgres' });
      await client.connect();
      try {
        for (const statement of statements) await client.query(statement);
      } finally {
        await client.end();
      }
    }),
  );
}

async function askKeeper(): Promise<SharedServers> {
  const path = process.env['PGRING_TEST_SERVERS'];
  if (path === undefined) throw new Error('no keeper of test servers: run this file by Jest with its global setup');
  const reply: unknown = JSON.parse(await text(connect(path)));
  if (isSharedServers(reply)) return reply;
  throw new Error(`the test servers did not start: ${JSON.stringify(reply)}`);
}

function isSharedServers(reply: unknown): reply is SharedServers {
  return typeof reply === 'object' && reply !== null && 'shards' in reply && 'oracle' in reply;
}
