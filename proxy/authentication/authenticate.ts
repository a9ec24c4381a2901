/**
 * The exchange in which a client proves who it is (PostgreSQL manual, "Start-up"; src/backend/libpq/auth.c). Who fails hears
 * the same whether the role exists or not, after the same messages.
 */

import { createHmac, randomBytes } from 'node:crypto';
import { PgError, sqlstate } from '../../base/errors.js';
import type { AuthenticationRule } from '../../catalog/config-access.js';
import type { ShownSecret } from '../../router/backend/connection.js';
import {
  cleartextPasswordRequest,
  encodeMd5Request,
  encodeSaslContinue,
  encodeSaslFinal,
  encodeSaslRequest,
} from '../../wire/encode-authentication.js';
import { frontendType } from '../../wire/frame.js';
import { readPassword, readSaslInitialResponse, readSaslResponse } from '../../wire/frontend.js';
import { answerMd5, md5Verifier } from '../../wire/md5.js';
import {
  makeScramVerifier,
  scramDefaultIterations,
  scramHashBytes,
  scramMechanism,
  scramPlusMechanism,
  scramSaltBytes,
  type ScramVerifier,
} from '../../wire/scram-keys.js';
import {
  checkClientFinal,
  maximumSaslMessageBytes,
  readClientFirst,
  readSaslText,
  startScramServer,
} from '../../wire/scram-server.js';
import { isPasswordOf, sameText, type Secret } from '../../wire/secret.js';
import { authenticationFailed, fatal } from './rules.js';

const SCRAM_NONCE_BYTES = 18;
const MD5_SALT_BYTES = 4;

/** What the client's certificate says, if it was signed by whom the configuration trusts. */
export interface ClientCertificate {
  readonly commonName: string;
}

/** The client, as the exchange sees it. */
export interface Applicant {
  readonly user: string;
  /** The hash of the certificate that the client saw; undefined where a SCRAM exchange cannot be bound to the channel. */
  readonly certificateHash: Buffer | undefined;
  readonly certificate: ClientCertificate | undefined;
  send(bytes: Buffer): void;
  /** The client's next message, whose length word says at most so much. */
  receive(maximumLength: number): Promise<Buffer>;
}

/** What was shown, for the servers. */
export interface Proof {
  /** False: it is known that the role may not log in. */
  readonly mayLogIn?: boolean;
  readonly password?: string | undefined;
  readonly shown?: ShownSecret | undefined;
}

/** What is known of a role; of one that does not exist, too. */
export interface KnownRole {
  readonly secret: Secret | undefined;
  readonly mayLogIn: boolean;
}

/** PG_MAX_AUTH_TOKEN_LENGTH: no password is longer. */
const MAXIMUM_PASSWORD_BYTES = 65_535;

export class Authenticator {
  readonly #roleOf: (user: string) => Promise<KnownRole>;
  /** Makes the salts of roles that have none, so that asking twice shows nothing. */
  readonly #mockKey = randomBytes(32);
  /** Verifiers of passwords that the configuration has in the clear. */
  readonly #made = new Map<string, { readonly password: string; readonly verifier: Promise<ScramVerifier> }>();

  constructor(roleOf: (user: string) => Promise<KnownRole>) {
    this.#roleOf = roleOf;
  }

  /** Completes when the client has proved who it is. Errors: 28P01, 28000, 08P01 for a malformed message. */
  async authenticate(rule: AuthenticationRule, applicant: Applicant): Promise<Proof> {
    const { user, certificate } = applicant;
    const wantsCertificate = rule.clientCertificate !== undefined || rule.method === 'cert';
    if (wantsCertificate && certificate === undefined) {
      throw fatal(sqlstate.invalidAuthorization, 'connection requires a valid client certificate');
    }
    const proof = await this.#prove(rule, applicant);
    if (rule.clientCertificate === 'verify-full' && certificate?.commonName !== user) {
      throw authenticationFailed(rule, user);
    }
    return proof;
  }

  async #prove(rule: AuthenticationRule, applicant: Applicant): Promise<Proof> {
    const { user, certificate } = applicant;
    switch (rule.method) {
      case 'trust':
        return {};
      case 'cert': {
        const name = certificate?.commonName ?? '';
        const roles = rule.map === undefined ? [name] : (rule.map.get(name) ?? []);
        if (!roles.includes(user)) throw authenticationFailed(rule, user);
        return {};
      }
      case 'password':
      case 'md5':
      case 'scram-sha-256': {
        const { secret, mayLogIn } = await this.#roleOf(user);
        const proof = await this.#exchange(rule, applicant, secret);
        return { ...proof, mayLogIn };
      }
      case 'reject':
        throw authenticationFailed(rule, user);
    }
  }

  async #exchange(rule: AuthenticationRule, applicant: Applicant, secret: Secret | undefined): Promise<Proof> {
    if (rule.method === 'password') return await this.#password(rule, applicant, secret);
    const isMd5 = rule.method === 'md5' && secret !== undefined && secret.kind !== 'scram';
    return isMd5 ? await this.#md5(rule, applicant, secret) : await this.#scram(rule, applicant, secret);
  }

  async #password(rule: AuthenticationRule, applicant: Applicant, secret: Secret | undefined): Promise<Proof> {
    applicant.send(cleartextPasswordRequest);
    const password = readPassword(await receivePassword(applicant));
    if (password.length === 0) throw fatal(sqlstate.invalidPassword, 'empty password returned by client');
    // Of a role that is unknown the work is done as well.
    const isRight = await isPasswordOf(secret ?? this.#mock(applicant.user), applicant.user, password);
    if (!isRight || secret === undefined) throw authenticationFailed(rule, applicant.user);
    return { password: password.toString('utf8') };
  }

  async #md5(
    rule: AuthenticationRule,
    applicant: Applicant,
    secret: Exclude<Secret, { kind: 'scram' }>,
  ): Promise<Proof> {
    const { user } = applicant;
    const salt = randomBytes(MD5_SALT_BYTES);
    applicant.send(encodeMd5Request(salt));
    const answer = readPassword(await receivePassword(applicant));
    if (answer.length === 0) throw fatal(sqlstate.invalidPassword, 'empty password returned by client');
    const verifier = secret.kind === 'md5' ? secret.hash : md5Verifier(user, secret.password);
    if (!sameText(answer, Buffer.from(answerMd5(verifier, salt)))) throw authenticationFailed(rule, user);
    return secret.kind === 'plain' ? { password: secret.password } : { shown: { kind: 'md5', verifier } };
  }

  /** A role without a SCRAM secret gets an exchange, too: one that cannot succeed. */
  async #scram(rule: AuthenticationRule, applicant: Applicant, secret: Secret | undefined): Promise<Proof> {
    const { user, certificateHash } = applicant;
    const isMock = secret === undefined || secret.kind === 'md5';
    const verifier = isMock ? this.#mock(user).verifier : await this.#verifierOf(user, secret);
    applicant.send(
      encodeSaslRequest(certificateHash === undefined ? [scramMechanism] : [scramPlusMechanism, scramMechanism]),
    );
    const receive = async (): Promise<Buffer> => {
      const frame = await applicant.receive(maximumSaslMessageBytes).catch((error: unknown) => {
        // One that is too long is a failure like any other.
        throw error instanceof PgError ? authenticationFailed(rule, user) : error;
      });
      return expectType(frame, 'SASL');
    };
    const initial = readSaslInitialResponse(await receive());
    const isBound = initial.mechanism === scramPlusMechanism && certificateHash !== undefined;
    if (!isBound && initial.mechanism !== scramMechanism) {
      throw fatal(sqlstate.protocolViolation, 'client selected an invalid SASL authentication mechanism');
    }
    const response = initial.response ?? (await askForResponse(applicant, receive));
    const first = readClientFirst(readSaslText(response), { certificateHash, bound: isBound });
    const start = startScramServer(first, verifier, randomBytes(SCRAM_NONCE_BYTES).toString('base64'));
    applicant.send(encodeSaslContinue(start.message));
    const final = readSaslText(readSaslResponse(await receive()));
    const end = checkClientFinal(start, final, isBound);
    if (end === undefined || isMock) throw authenticationFailed(rule, user);
    applicant.send(encodeSaslFinal(end.message));
    if (secret.kind === 'plain') return { password: secret.password };
    return { shown: { kind: 'scram', keys: end.keys } };
  }

  async #verifierOf(user: string, secret: Exclude<Secret, { kind: 'md5' }>): Promise<ScramVerifier> {
    if (secret.kind === 'scram') return secret.verifier;
    const { password } = secret;
    const made = this.#made.get(user);
    if (made?.password === password) return await made.verifier;
    const verifier = makeScramVerifier(password, this.#salt(user));
    this.#made.set(user, { password, verifier });
    return await verifier;
  }

  #mock(user: string): Extract<Secret, { kind: 'scram' }> {
    const key = Buffer.alloc(scramHashBytes);
    const salt = this.#salt(user);
    return { kind: 'scram', verifier: { iterations: scramDefaultIterations, salt, storedKey: key, serverKey: key } };
  }

  #salt(user: string): Buffer {
    return createHmac('sha256', this.#mockKey).update(user).digest().subarray(0, scramSaltBytes);
  }
}

async function receivePassword(applicant: Applicant): Promise<Buffer> {
  return expectType(await applicant.receive(MAXIMUM_PASSWORD_BYTES), 'password');
}

/** The mechanism was chosen without a first message: an empty challenge asks for it. */
async function askForResponse(applicant: Applicant, receive: () => Promise<Buffer>): Promise<Buffer> {
  applicant.send(encodeSaslContinue(''));
  return readSaslResponse(await receive());
}

function expectType(frame: Buffer, expected: string): Buffer {
  if (frame[0] === frontendType.password) return frame;
  throw new PgError(sqlstate.protocolViolation, `expected ${expected} response, got message type ${frame[0]}`, {
    severity: 'FATAL',
  });
}
