/** The settings that a server is started with, as the text of a configuration file. */

import { join } from 'node:path';

export type Settings = Readonly<Record<string, string | number>>;

/** Client connections that an embedded server takes. */
export const maximumConnections = 300;

interface ServerSettings {
  readonly name: string;
  readonly dataFolder: string;
  readonly port: number;
  readonly socketDirectory: string | undefined;
  readonly fsync: boolean;
  /** Settings that replace or follow ours. */
  readonly more: Settings;
}

/** The longest path of a Unix socket: sun_path has 108 bytes on Linux, the last for the terminating zero. */
const SOCKET_PATH_BYTES = 107;

/** The data folder as the socket's folder, or undefined where its path is too long or the platform has no sockets. */
export function socketDirectoryOf(dataFolder: string, port: number): string | undefined {
  if (process.platform === 'win32') return undefined;
  const limit = process.platform === 'darwin' ? SOCKET_PATH_BYTES - 4 : SOCKET_PATH_BYTES;
  return Buffer.byteLength(join(dataFolder, `.s.PGSQL.${port}`)) <= limit ? dataFolder : undefined;
}

/**
 * The file given as config_file. It lies outside the data folder, so that nothing of ours is ever written there, and
 * includes what initdb wrote; ALTER SYSTEM still works and wins.
 */
export function configurationFile(server: ServerSettings): string {
  const settings: Settings = {
    listen_addresses: '127.0.0.1',
    port: server.port,
    unix_socket_directories: server.socketDirectory ?? '',
    max_connections: maximumConnections,
    max_prepared_transactions: maximumConnections,
    wal_level: 'logical',
    shared_buffers: '64MB',
    cluster_name: server.name,
    log_line_prefix: '%m [%p] ',
    ...(server.fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...server.more,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(String(value))}`);
  return [
    '# Written by pgring at each start. Change settings with ALTER SYSTEM.',
    `include_if_exists ${quote(join(server.dataFolder, 'postgresql.conf'))}`,
    ...lines,
    '',
  ].join('\n');
}

/** PostgreSQL's configuration files: quotes are doubled, and backslashes begin escapes. */
function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
