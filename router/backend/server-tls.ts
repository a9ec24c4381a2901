/** Encryption to one server, in libpq's modes (PostgreSQL manual, "SSL Support"). */

import { isIP } from 'node:net';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import type { Logger } from '../../base/log.js';
import { WatchedFiles } from '../../base/watched-files.js';
import type { ServerTlsConfig, TlsMode } from '../../catalog/config-access.js';
import type { Topology } from '../../catalog/topology.js';
import type { ShardConfig } from '../../catalog/config.js';

/** One way to connect; the next is tried where the server does not take it. */
export type Encryption =
  | { readonly kind: 'none' }
  /** `isRequired`: a server that does not offer it is left; else the connection goes on without. */
  | { readonly kind: 'tls'; readonly isRequired: boolean; readonly options: ConnectionOptions };

interface NamedHost {
  readonly host: string;
}

const none: Encryption = { kind: 'none' };

export class ServerTls {
  readonly mode: Exclude<TlsMode, 'disable'>;
  readonly #options: WatchedFiles<ConnectionOptions>;

  /** Reads the files, and again when they have changed. */
  constructor(config: ServerTlsConfig, log: Logger) {
    this.mode = config.mode;
    const names = ['ca', 'certificate', 'key'] as const;
    const files = names.flatMap((name) => {
      const path = config[name];
      return path === undefined ? [] : [{ name, path }];
    });
    this.#options = new WatchedFiles(
      files.map(({ path }) => path),
      (texts) => {
        const read = Object.fromEntries(files.map(({ name }, index) => [name, texts[index]]));
        const { ca, certificate: cert, key } = read;
        const context = createSecureContext({
          minVersion: config.minimumVersion,
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined || key === undefined ? {} : { cert, key }),
        });
        return { secureContext: context, ...verification(config, ca !== undefined) };
      },
      (error) => {
        log.error({ error }, 'the files of server_tls cannot be used; the last good ones stay');
      },
    );
  }

  /** How to connect, in the order to be tried. */
  attempts(address: NamedHost): readonly Encryption[] {
    const tls = { kind: 'tls', options: this.#optionsFor(address) } as const;
    switch (this.mode) {
      case 'allow':
        return [none, { ...tls, isRequired: true }];
      case 'prefer':
        return [{ ...tls, isRequired: false }, none];
      default:
        return [{ ...tls, isRequired: true }];
    }
  }

  /** For tls.connect(); an address is no name of a server. */
  #optionsFor({ host }: NamedHost): ConnectionOptions {
    return { ...this.#options.current, host, ...(isIP(host) === 0 ? { servername: host } : {}) };
  }
}

/** With a CA at hand, `require` checks it as well (libpq, "backwards compatibility"). */
function verification({ mode }: ServerTlsConfig, hasAuthority: boolean): ConnectionOptions {
  if (mode === 'verify-full') return {};
  if (mode === 'verify-ca' || (mode === 'require' && hasAuthority)) return { checkServerIdentity: () => undefined };
  return { rejectUnauthorized: false };
}

export const withoutTls: readonly Encryption[] = [none];

/** The topology, whose shards know how they are connected to. It is not to be stored. */
export function withEncryption(topology: Topology, byName: ReadonlyMap<string, ServerTls>): Topology {
  if (byName.size === 0) return topology;
  return { ...topology, shards: topology.shards.map((shard) => ({ ...shard, tls: byName.get(shard.name) })) };
}

/** By the names of the shards that are to be encrypted. Errors: files that cannot be read or used. */
export function openServerTls(shards: readonly ShardConfig[], log: Logger): ReadonlyMap<string, ServerTls> {
  return new Map(shards.flatMap(({ name, tls }) => (tls === undefined ? [] : [[name, new ServerTls(tls, log)]])));
}
