/** What a client's start-up packet asks for, and what of it the servers are to know. */

import { PgError, sqlstate } from '../base/errors.js';
import type { Config } from '../catalog/config.js';
import { crossShardReadsName } from '../catalog/cross-shard-reads.js';

/** Start-up parameters that are for the proxy and not for the servers. */
const ownParameters = new Set(['user', 'database', 'replication']);

/** Errors: 0A000 for what pgring does not do. */
export function checkStartup(parameters: ReadonlyMap<string, string>): void {
  if (parameters.has('replication') && !['false', 'off', '0', 'no'].includes(parameters.get('replication') ?? '')) {
    throw new PgError(sqlstate.featureNotSupported, 'replication connections are not supported by pgring', {
      severity: 'FATAL',
      hint: 'Connect to the shards themselves for replication.',
    });
  }
  checkEncoding(parameters.get('client_encoding'));
}

/** What the servers are to know: the client's own settings come after pgring's defaults, and so win. */
export function withDefaults(
  parameters: ReadonlyMap<string, string>,
  { crossShardReads }: Config,
): ReadonlyMap<string, string> {
  const own = [...parameters].filter(([name]) => !ownParameters.has(name) && !name.startsWith('_pq_.'));
  const options = `-c ${crossShardReadsName}=${crossShardReads} ${parameters.get('options') ?? ''}`.trimEnd();
  return new Map([...own, ['options', options]]);
}

/** Statements are read as UTF-8; SQL_ASCII means that nobody converts, so the bytes are the servers' own UTF-8. */
function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined) return;
  const name = encoding.replaceAll(/[^a-z0-9]/gi, '').toLowerCase();
  if (['utf8', 'unicode', 'sqlascii'].includes(name)) return;
  throw new PgError(sqlstate.featureNotSupported, `client_encoding ${encoding} is not supported by pgring yet`, {
    severity: 'FATAL',
    hint: 'Use UTF8: PGCLIENTENCODING=UTF8.',
  });
}
