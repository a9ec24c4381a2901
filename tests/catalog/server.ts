/** A connection to one of the shared servers that gives every value as text, as the catalog's queries want it. */

import { Client } from 'pg';
import type { RunQuery } from '../../catalog/load.js';
import type { ServerAddress } from '../support/shared-servers.js';

export interface TextConnection {
  readonly query: RunQuery;
  close(): Promise<void>;
}

export async function connectAsText(
  server: Pick<ServerAddress, 'host' | 'port'>,
  database: string,
  user = 'postgres',
): Promise<TextConnection> {
  const { host, port } = server;
  const client = new Client({ host, port, user, database, types: { getTypeParser: () => String } });
  await client.connect();
  return {
    query: async (sql) => (await client.query<Record<string, string | null>>(sql)).rows,
    close: async () => {
      await client.end();
    },
  };
}
