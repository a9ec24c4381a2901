/** A connection of node-postgres, for pgring's own questions, as encrypted as the configuration wants it. */

import { DatabaseError, type Client } from 'pg';
import type { ConnectionOptions } from 'node:tls';
import { types } from 'node:util';
import { PgError, sqlstate } from '../../base/errors.js';
import { describeAddress, type BackendAddress } from './connection.js';
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

/** A failure of a control connection, as clients may hear of it: the server's own words, or 08006 with the shard's name. */
export function asControlError(address: BackendAddress, error: unknown): unknown {
  if (!types.isNativeError(error) || error instanceof PgError) return error;
  const where = describeAddress(address);
  const code = error instanceof DatabaseError ? error.code : undefined;
  if (code !== undefined) return new PgError(code, error.message, { detail: `Reported by ${where}.` });
  return new PgError(sqlstate.connectionFailure, `connection to ${where} failed: ${error.message}`);
}
