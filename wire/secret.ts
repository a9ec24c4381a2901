/** What a role proves itself by, in each of the forms in which PostgreSQL and its poolers keep it. */

import { createHash, timingSafeEqual } from 'node:crypto';
import { md5Verifier } from './md5.js';
import { makeScramVerifier, parseScramVerifier, type ScramVerifier } from './scram-keys.js';

export type Secret =
  | { readonly kind: 'plain'; readonly password: string }
  /** `md5` and the hash of the password and the role's name. */
  | { readonly kind: 'md5'; readonly hash: string }
  | { readonly kind: 'scram'; readonly verifier: ScramVerifier };

/** Which form a text has (crypt.c, get_password_type). */
export function readSecret(text: string): Secret {
  if (/^md5[0-9a-f]{32}$/.test(text)) return { kind: 'md5', hash: text };
  const verifier = parseScramVerifier(text);
  return verifier === undefined ? { kind: 'plain', password: text } : { kind: 'scram', verifier };
}

/** Whether a password that was sent in the clear is the role's; takes equally long whatever it is. */
export async function isPasswordOf(secret: Secret, user: string, password: Buffer): Promise<boolean> {
  switch (secret.kind) {
    case 'plain':
      return sameText(Buffer.from(secret.password), password);
    case 'md5':
      return sameText(Buffer.from(secret.hash), Buffer.from(md5Verifier(user, password)));
    case 'scram': {
      const { salt, iterations, serverKey } = secret.verifier;
      return timingSafeEqual((await makeScramVerifier(password, salt, iterations)).serverKey, serverKey);
    }
  }
}

/** Compares hashes, so that neither the contents nor the lengths show in the time. */
export function sameText(left: Buffer, right: Buffer): boolean {
  const [first, second] = [left, right].map((bytes) => createHash('sha256').update(bytes).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}
