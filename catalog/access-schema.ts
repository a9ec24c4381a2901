/** The parts of pgring.yaml that say who may come in and what is encrypted: `authentication`, `tls`, `server_tls`. */

import { isIP } from 'node:net';
import { z } from 'zod';
import { mapping, oneOf, text } from './schema-parts.js';

export const clientTlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export const serverTlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const tlsVersions = ['TLSv1.2', 'TLSv1.3'] as const;

const methods = ['scram-sha-256', 'md5', 'password', 'cert', 'trust', 'reject'] as const;

const peerRefusal =
  `one of ${methods.join(', ')} (peer is not possible: Node tells no program who is on the other side of a Unix socket; ` +
  'take scram-sha-256, or trust on a socket in a folder that only the right users can enter)';

const addressForm = 'all, an address such as 10.0.0.7 or ::1, or a range such as 10.0.0.0/8';

/** Whether a text is `all`, an address, or a range with as many bits as its family has. */
function isAddressRange(value: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const family = isIP(address);
  return value === 'all' || (family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128)));
}

const nameForm = 'a name, or all (groups by +, files by @ and patterns by / are not known)';
const name = text(nameForm).regex(/^[^+@/]/, { error: nameForm });

const names = (special: string) =>
  z.union([name, z.array(name).min(1)], { error: `a name, a list of names, or ${special}` }).default('all');

const rule = mapping({
  /** local: by Unix socket; host: by TCP, encrypted or not; hostssl and hostnossl: only the one or the other. */
  type: oneOf('local', 'host', 'hostssl', 'hostnossl'),
  database: names('all, sameuser'),
  user: names('all'),
  /** Of clients by TCP. */
  address: text(addressForm).refine(isAddressRange, { error: addressForm }).optional(),
  method: z.enum(methods, { error: peerRefusal }),
  /** Method cert: roles by the common name of the certificate. Without it, the common name is the role. */
  map: z
    .record(z.string(), z.union([text('a role name'), z.array(text('a role name')).min(1)]), {
      error: 'a mapping from common names to roles',
    })
    .optional(),
  /** The client must also show a certificate: signed by client_ca, or signed and in the role's name. */
  client_certificate: oneOf('verify-ca', 'verify-full').optional(),
  /** Method password: whoever listens on the way may read it. */
  allow_cleartext: z.boolean({ error: 'true or false' }).default(false),
});

export const authentication = mapping({
  /** The first that fits decides (as in pg_hba.conf). Default: scram-sha-256 for everybody. */
  rules: z.array(rule, { error: 'a list of rules (each {type, database, user, address, method})' }).optional(),
  /** A file with lines of `"name" "secret"`, as PgBouncer has it. */
  users_file: text('a path').optional(),
  /** Secrets of roles that stand neither in `users` nor in the file are read from the home shard. */
  ask_servers: z.boolean({ error: 'true or false' }).default(true),
});

export const clientTls = mapping({
  /** Whether clients must encrypt, and show a certificate. Default: prefer with a certificate, else disable. */
  mode: oneOf(...clientTlsModes).optional(),
  certificate: text('a path').optional(),
  key: text('a path').optional(),
  /** Who signs the certificates of clients. */
  client_ca: text('a path').optional(),
  minimum_version: oneOf(...tlsVersions).default('TLSv1.2'),
});

export const serverTls = mapping({
  /** As libpq's sslmode. Default: disable on this machine, else prefer. */
  mode: oneOf(...serverTlsModes).optional(),
  /** Who signs the certificates of the servers; without it, those whom Node knows. */
  ca: text('a path').optional(),
  /** pgring's own certificate. */
  certificate: text('a path').optional(),
  key: text('a path').optional(),
  minimum_version: oneOf(...tlsVersions).default('TLSv1.2'),
});
