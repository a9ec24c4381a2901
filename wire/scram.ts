/**
 * SCRAM-SHA-256 from the client's side, without channel binding (RFC 5802, RFC 7677; PostgreSQL manual, "SASL
 * Authentication"): steps from message to message. Chance comes in as an argument.
 *
 *   startScram → client-first, readScramChallenge ← server-first, saltPassword, answerScram → client-final,
 *   verifyScram ← server-final
 */

import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { PgError, sqlstate } from '../base/errors.js';
import { preparePassword } from './saslprep.js';

export const scramMechanism = 'SCRAM-SHA-256';

/** A server that asks for more wants our CPU and not a login; PostgreSQL's own default is 4,096. */
const maximumScramIterations = 10_000_000;

interface ScramStart {
  /** The client-first message. */
  readonly message: string;
  readonly nonce: string;
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

/** The header that says "no channel binding, no other identity", and what it is in base64. */
const gs2Header = 'n,,';
const gs2HeaderBase64 = 'biws';

const hashBytes = 32;
const derive = promisify(pbkdf2);

function malformed(detail: string): PgError {
  return new PgError(sqlstate.protocolViolation, 'malformed SCRAM message', { detail });
}

/**
 * Opens the exchange. The nonce is fresh chance in printable ASCII without a comma: 18 random bytes in base64 do.
 * PostgreSQL takes the user from the start-up packet and ignores the one named here.
 */
export function startScram(nonce: string, user = ''): ScramStart {
  const name = user.replaceAll('=', '=3D').replaceAll(',', '=2C');
  return { message: `${gs2Header}n=${name},r=${nonce}`, nonce };
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

/**
 * The costly step, and the only one that takes time (a few milliseconds at 4,096 iterations): it runs in Node's thread
 * pool. The result depends on the password, the salt and the count alone, so it can be kept for the next login.
 */
export async function saltPassword(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  return await derive(Buffer.from(preparePassword(password)), salt, iterations, hashBytes, 'sha256');
}

/** The proof that we know the password, and what the server must prove in its turn. */
export function answerScram(challenge: ScramChallenge, saltedPassword: Buffer): ScramAnswer {
  const withoutProof = `c=${gs2HeaderBase64},r=${challenge.nonce}`;
  const clientFirstBare = challenge.start.message.slice(gs2Header.length);
  const authMessage = `${clientFirstBare},${challenge.message},${withoutProof}`;
  const clientKey = hmac(saltedPassword, 'Client Key');
  const clientSignature = hmac(createHash('sha256').update(clientKey).digest(), authMessage);
  const proof = clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0));
  return {
    message: `${withoutProof},p=${Buffer.from(proof).toString('base64')}`,
    serverSignature: hmac(hmac(saltedPassword, 'Server Key'), authMessage),
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

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
