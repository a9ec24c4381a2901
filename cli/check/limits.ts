/** What `pgring check --limits` prints: every limit as it holds, and the error for whoever exceeds it. */

import { limitNames, limitRanges, snakeCase, type Limits } from '../../catalog/config-limits.js';
import { sqlstate } from '../../base/errors.js';

type LimitName = keyof Limits;

/** Limits that a client hears of. The rest bound what pgring does for itself, or slow somebody down. */
const errors: { readonly [name in LimitName]?: string } = {
  clients: sqlstate.tooManyConnections,
  clientsPerUser: sqlstate.tooManyConnections,
  clientsPerDatabase: sqlstate.tooManyConnections,
  strangers: sqlstate.tooManyConnections,
  messageBytes: sqlstate.protocolViolation,
  startupTimeoutMs: sqlstate.protocolViolation,
  logInTimeoutMs: sqlstate.queryCanceled,
  authenticationFailures: sqlstate.invalidAuthorization,
  statementTimeoutMs: sqlstate.queryCanceled,
  idleInTransactionTimeoutMs: sqlstate.idleInTransactionTimeout,
  transactionTimeoutMs: sqlstate.transactionTimeout,
  idleSessionTimeoutMs: sqlstate.idleSessionTimeout,
  memoryBytes: sqlstate.outOfMemory,
  connectTimeoutMs: sqlstate.connectionFailure,
  serverConnectionsPerShard: sqlstate.tooManyConnections,
  queueTimeoutMs: sqlstate.tooManyConnections,
  combineBytes: sqlstate.programLimitExceeded,
  combineRows: sqlstate.programLimitExceeded,
  preparedStatements: sqlstate.programLimitExceeded,
  drainTimeoutMs: sqlstate.adminShutdown,
};

export function formatLimits(limits: Limits): string {
  const names = limitNames.map((name) => snakeCase(name));
  const width = Math.max(...names.map(({ length }) => length));
  const lines = limitNames.map((name) => {
    const value = limits[name];
    const isOff = value === 0 && limitRanges[name].default === 0;
    const shown = `${isOff ? 'off' : value}${value === limitRanges[name].default ? '' : ` (default ${limitRanges[name].default})`}`;
    return `  ${snakeCase(name).padEnd(width)}  ${shown.padEnd(28)}${errors[name] ?? ''}`.trimEnd();
  });
  return `limits, and the SQLSTATE of who exceeds them:\n${lines.join('\n')}\n`;
}
