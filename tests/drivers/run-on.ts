/** Runs a driver's script on pgring and on one PostgreSQL; what it saw must be equal. */

import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';
import { startProxyUnderTest } from '../proxy/proxy-under-test.js';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The script's outcome on both, each in a fresh database. */
export async function runOnBoth<T>(
  database: string,
  script: (target: Target) => Promise<T>,
): Promise<{ readonly pgring: T; readonly postgres: T }> {
  const servers = await createDatabaseEverywhere(database);
  const proxy = await startProxyUnderTest(servers.shards);
  try {
    const postgres = await script({ host: servers.oracle.host, port: servers.oracle.port, user: 'postgres', database });
    const pgring = await script({ host: proxy.host, port: proxy.port, user: 'postgres', database });
    return { pgring, postgres };
  } finally {
    await proxy.close();
    await dropDatabaseEverywhere(database);
  }
}

/** What an error of a driver says: its SQLSTATE, message and position. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error };
  const { code, position, detail, constraint } = error as Error & Record<string, unknown>;
  return { code, message: error.message, position, detail, constraint };
}
