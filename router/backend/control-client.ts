/** A connection of node-postgres, for pgring's own questions, as encrypted as the configuration wants it. */

import { DatabaseError, type Client } from 'pg';
import type { ConnectionOptions } from 'node:tls';
import { sqlstate } from '../../base/errors.js';
import type { BackendAddress } from './connection.js';
import { withoutTls } from './server-tls.js';

/** Tries the ways to connect one after the other; `make` makes a client that is not connected. Errors: the first's. */
export async function connectControl(
  address: BackendAddress,
  make: (ssl: ConnectionOptions | false) => Client,
): Promise<Client> {
  let failure: unknown;
  for (const encryption of address.tls?.attempts(address) ?? withoutTls) {
    const client = make(encryption.kind === 'tls' ? encryption.options : false);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      failure ??= error;
      if (error instanceof DatabaseError && error.code !== sqlstate.invalidAuthorization) break;
    }
  }
  throw failure;
}
