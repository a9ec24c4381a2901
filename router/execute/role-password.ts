/** One verifier of a role's new password for all shards. */

import { randomBytes } from 'node:crypto';
import type { RolePassword } from '../../planner/plan/plan.js';
import {
  formatScramVerifier,
  makeScramVerifier,
  scramDefaultIterations,
  scramSaltBytes,
} from '../../wire/scram-keys.js';
import { queryRows } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';

/** scram_iterations came with PostgreSQL 16. */
const question = `SELECT pg_catalog.current_setting('password_encryption') AS encryption,
  pg_catalog.current_setting('scram_iterations', true) AS iterations`;

/** The statement with the verifier that the home shard would make; with the password itself where all make the same of it. */
export async function withVerifier(
  home: BackendConnection,
  sql: string | Buffer,
  { start, end, password }: RolePassword,
): Promise<Buffer> {
  const bytes = Buffer.from(sql);
  const [settings] = await queryRows(home, question);
  if (settings?.['encryption'] !== 'scram-sha-256') return bytes;
  const iterations = Number(settings['iterations'] ?? scramDefaultIterations);
  const verifier = await makeScramVerifier(password, randomBytes(scramSaltBytes), iterations);
  return Buffer.concat([
    bytes.subarray(0, start),
    Buffer.from(`'${formatScramVerifier(verifier)}'`),
    bytes.subarray(end),
  ]);
}
