/**
 * SCRAM-SHA-256 from the client's side (RFC 5802, RFC 7677, RFC 5929; PostgreSQL manual, "SASL Authentication"): steps from
 * message to message. Chance comes in as an argument.
 *
 *   startScram → client-first, readScramChallenge ← server-first, saltPassword, scramKeys, answerScram → client-final,
 *   verifyScram ← server-final
 */

import { timingSafeEqual } from 'node:crypto';
import { PgError, sqlstate } from '../base/errors.js';
import { hmac, storedKeyOf, xor, type ScramKeys } from './scram-keys.js';

/** A server that asks for more wants our CPU and not a login; PostgreSQL's own default is 4,096. */
const maximumScramIterations = 10_000_000;

/** What the client says of the encrypted channel below. */
export type ScramBinding =
  /** It is not encrypted. */
  | { readonly kind: 'none' }
  /** It is, but the server does not offer to bind the exchange to it. */
  | { readonly kind: 'not offered' }
  /** The hash of the server's certificate: who stands in between has another one. */
  | { readonly kind: 'tls-server-end-point'; readonly hash: Buffer };

interface ScramStart {
  /** The client-first message. */
  readonly message: string;
  readonly nonce: string;
  /** What stands before the bare message, with the bytes of the binding. */
  readonly header: string;
  readonly binding: Buffer;
}

interface ScramChallenge {
  readonly start: ScramStart;
  readonly message: string;
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

export interface ScramAnswer {
  /** The client-final message. */
  readonly message: string;
  readonly serverSignature: Buffer;
}

const unbound: ScramBinding = { kind: 'none' };

/** The header says what is bound, and that no other identity is meant. */
const headers = { none: 'n,,', 'not offered': 'y,,', 'tls-server-end-point': 'p=tls-server-end-point,,' } as const;

function malformed(detail: string): PgError {
  return new PgError(sqlstate.protocolViolation, 'malformed SCRAM message', { detail });
}

/**
 * Opens the exchange. The nonce is fresh chance in printable ASCII without a comma: 18 random bytes in base64 do.
 * PostgreSQL takes the user from the start-up packet and ignores the one named here.
 */
export function startScram(nonce: string, user = '', binding: ScramBinding = unbound): ScramStart {
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
  const header = headers[binding.kind];
  const bound = 'hash' in binding ? binding.hash : Buffer.alloc(0);
  return { message: `${header}n=${name},r=${nonce}`, nonce, header, binding: bound };
}

/** Takes the server-first message apart and refuses what no honest server says. */
export function readScramChallenge(start: ScramStart, message: string): ScramChallenge {
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,10})(?:,.*)?$/s.exec(message);
  const [, nonce, salt, iterationText] = match ?? [];
  if (nonce === undefined || salt === undefined || iterationText === undefined) {
    throw malformed('The server-first message does not have a nonce, a salt and an iteration count.');
  }
  if (!nonce.startsWith(start.nonce) || nonce.length === start.nonce.length) {
    throw new PgError(sqlstate.protocolViolation, 'invalid SCRAM response (nonce mismatch)');
  }
  const iterations = Number(iterationText);
  if (iterations < 1 || iterations > maximumScramIterations) {
    throw malformed(`The iteration count ${iterationText} is not between 1 and ${maximumScramIterations}.`);
  }
  return { start, message, nonce, salt: Buffer.from(salt, 'base64'), iterations };
}

/** The proof that we know the keys, and what the server must prove in its turn. */
export function answerScram(challenge: ScramChallenge, { clientKey, serverKey }: ScramKeys): ScramAnswer {
  const { header, binding, message } = challenge.start;
  const bound = Buffer.concat([Buffer.from(header), binding]).toString('base64');
  const withoutProof = `c=${bound},r=${challenge.nonce}`;
  const authMessage = `${message.slice(header.length)},${challenge.message},${withoutProof}`;
  const proof = xor(clientKey, hmac(storedKeyOf(clientKey), authMessage));
  return {
    message: `${withoutProof},p=${proof.toString('base64')}`,
    serverSignature: hmac(serverKey, authMessage),
  };
}

/** Throws unless the server-final message proves that the server, too, knows the password. */
export function verifyScram(answer: ScramAnswer, message: string): void {
  const error = /^e=([^,]*)/.exec(message)?.[1];
  if (error !== undefined) {
    throw new PgError(sqlstate.invalidPassword, `the server refused the SCRAM login: ${error}`);
  }
  const signature = /^v=([A-Za-z0-9+/]+={0,2})(?:,.*)?$/s.exec(message)?.[1];
  if (signature === undefined) throw malformed('The server-final message does not have a signature.');
  const proven = Buffer.from(signature, 'base64');
  if (proven.length !== answer.serverSignature.length || !timingSafeEqual(proven, answer.serverSignature)) {
    throw new PgError(sqlstate.invalidPassword, 'incorrect SCRAM server signature', {
      hint: 'Whoever answers there does not know the password: check the address of the server.',
    });
  }
}
