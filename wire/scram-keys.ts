/**
 * What SCRAM-SHA-256 computes from a password, and the verifier in which PostgreSQL keeps it
 * (src/common/scram-common.c): `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`. Who has a verifier can check a login
 * but not log in; that takes the ClientKey, which a client's proof shows to whoever knows the StoredKey.
 */

import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { preparePassword } from './saslprep.js';

export const scramMechanism = 'SCRAM-SHA-256';
export const scramPlusMechanism = 'SCRAM-SHA-256-PLUS';

export const scramHashBytes = 32;

/** PostgreSQL's own, for verifiers that it makes (scram_iterations). */
export const scramDefaultIterations = 4096;
export const scramSaltBytes = 16;

export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** What a login needs of the password. */
export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
}

const derive = promisify(pbkdf2);

/**
 * The costly step, and the only one that takes time (a few milliseconds at 4,096 iterations): it runs in Node's thread
 * pool. The result depends on the password, the salt and the count alone, so it can be kept for the next login.
 */
export async function saltPassword(password: string | Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
  const prepared = typeof password === 'string' ? Buffer.from(preparePassword(password)) : preparedBytes(password);
  return await derive(prepared, salt, iterations, scramHashBytes, 'sha256');
}

/** A password that is not UTF-8 is hashed as it is (saslprep.c). */
function preparedBytes(password: Buffer): Buffer {
  const text = password.toString('utf8');
  return Buffer.from(text).equals(password) ? Buffer.from(preparePassword(text)) : password;
}

export function scramKeys(saltedPassword: Buffer): ScramKeys {
  return { clientKey: hmac(saltedPassword, 'Client Key'), serverKey: hmac(saltedPassword, 'Server Key') };
}

export function storedKeyOf(clientKey: Buffer): Buffer {
  return createHash('sha256').update(clientKey).digest();
}

export async function makeScramVerifier(
  password: string | Buffer,
  salt: Buffer,
  iterations = scramDefaultIterations,
): Promise<ScramVerifier> {
  const { clientKey, serverKey } = scramKeys(await saltPassword(password, salt, iterations));
  return { iterations, salt, storedKey: storedKeyOf(clientKey), serverKey };
}

export function formatScramVerifier({ iterations, salt, storedKey, serverKey }: ScramVerifier): string {
  const [saltText, storedText, serverText] = [salt, storedKey, serverKey].map((bytes) => bytes.toString('base64'));
  return `${scramMechanism}$${iterations}:${saltText}$${storedText}:${serverText}`;
}

/** Undefined for what PostgreSQL would not take for a verifier either (auth-scram.c, parse_scram_secret). */
export function parseScramVerifier(text: string): ScramVerifier | undefined {
  const form = /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/]*={0,2})\$([A-Za-z0-9+/]+={0,2}):([A-Za-z0-9+/]+={0,2})$/;
  const [, iterations, salt, stored, server] = form.exec(text) ?? [];
  if (iterations === undefined || salt === undefined || stored === undefined || server === undefined) return undefined;
  const verifier = {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(stored, 'base64'),
    serverKey: Buffer.from(server, 'base64'),
  };
  const whole = verifier.storedKey.length === scramHashBytes && verifier.serverKey.length === scramHashBytes;
  return whole && verifier.iterations > 0 ? verifier : undefined;
}

export function hmac(key: Buffer, text: string | Buffer): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The bytes of both, one by one; they are equally long. */
export function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
