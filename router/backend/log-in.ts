/** Logs in to a server (PostgreSQL manual, "Start-up"): trust, cleartext, md5, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS. */

import { randomBytes } from 'node:crypto';
import { PgError, sqlstate } from '../../base/errors.js';
import { certificateHash } from '../../wire/certificate-hash.js';
import {
  encodePassword,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartup,
} from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readAuthentication, readBackendKeyData, readErrorResponse } from '../../wire/backend.js';
import { answerMd5, md5Verifier } from '../../wire/md5.js';
import { answerScram, readScramChallenge, startScram, verifyScram, type ScramBinding } from '../../wire/scram.js';
import { saltPassword, scramKeys, scramMechanism, scramPlusMechanism, type ScramKeys } from '../../wire/scram-keys.js';
import { BackendConnection, describeAddress, type BackendAddress, type BackendIdentity } from './connection.js';
import { Exchange } from './exchange.js';
import { withoutTls, type Encryption } from './server-tls.js';

const SCRAM_NONCE_BYTES = 18;

/** Connects and logs in. Errors: what the server says, or 08006 with the shard's name when it cannot be reached. */
export async function openConnection(
  address: BackendAddress,
  identity: BackendIdentity,
  connectTimeoutMs: number,
): Promise<BackendConnection> {
  let failure: unknown;
  for (const encryption of address.tls?.attempts(address) ?? withoutTls) {
    try {
      return await open(address, identity, connectTimeoutMs, encryption);
    } catch (error) {
      failure ??= error;
      if (!mayWorkOtherwise(error)) break;
    }
  }
  throw failure;
}

/** A server that takes only the one or only the other kind of connections says 28000; a failed handshake, nothing. */
function mayWorkOtherwise(error: unknown): boolean {
  if (!(error instanceof PgError)) return false;
  return error.sqlstate === sqlstate.invalidAuthorization || error.sqlstate === sqlstate.connectionFailure;
}

async function open(
  address: BackendAddress,
  identity: BackendIdentity,
  connectTimeoutMs: number,
  encryption: Encryption,
): Promise<BackendConnection> {
  const connection = new BackendConnection(address, identity);
  const timer = setTimeout(() => {
    connection.giveUp(`no answer within ${connectTimeoutMs} ms`);
  }, connectTimeoutMs);
  try {
    if (encryption.kind === 'tls' && !(await connection.encrypt(encryption.options)) && encryption.isRequired) {
      throw new PgError(
        sqlstate.connectionFailure,
        `connection to ${describeAddress(address)} failed: the server does not offer encryption`,
        { hint: 'Set ssl = on at the server, or another mode of server_tls.' },
      );
    }
    await logIn(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Completes when the server is ready for queries. Errors: the server's own, 28000 for a missing password. */
async function logIn(connection: BackendConnection): Promise<void> {
  const exchange = new Exchange(connection);
  const { user, database, parameters } = connection.identity;
  exchange.send([encodeStartup([['user', user], ['database', database], ...parameters])], 1);
  let scram: ScramLogIn | undefined;
  for (;;) {
    const item = await exchange.next();
    if (item.kind !== 'message') throw new PgError(sqlstate.protocolViolation, 'a server sent rows during log-in');
    if (item.type === backendType.errorResponse) throw atShard(connection, readErrorResponse(item.frame));
    if (item.type === backendType.readyForQuery) break;
    if (item.type === backendType.backendKeyData) {
      const key = readBackendKeyData(item.frame);
      connection.processId = key.processId;
      connection.secretKey = Buffer.from(key.secretKey);
    }
    if (item.type !== backendType.authentication) continue;
    const request = readAuthentication(item.frame);
    switch (request.kind) {
      case 'ok':
        break;
      case 'cleartext':
        exchange.send([encodePassword(passwordOf(connection))], 0);
        break;
      case 'md5':
        exchange.send([encodePassword(answerMd5(md5Of(connection), request.salt))], 0);
        break;
      case 'sasl':
        scram = new ScramLogIn(connection, request.mechanisms);
        exchange.send([encodeSaslInitialResponse(scram.mechanism, scram.start.message)], 0);
        break;
      case 'saslContinue':
        exchange.send([encodeSaslResponse(await scramOf(scram).answer(request.data))], 0);
        break;
      case 'saslFinal':
        scramOf(scram).verify(request.data);
        break;
    }
  }
  exchange.release();
}

function scramOf(scram: ScramLogIn | undefined): ScramLogIn {
  if (scram !== undefined) return scram;
  throw new PgError(sqlstate.protocolViolation, 'a server sent a SASL message before it asked for SASL');
}

/** One SCRAM exchange with a server, bound to the encrypted channel where the server offers that. */
class ScramLogIn {
  readonly mechanism: string;
  readonly start: ReturnType<typeof startScram>;
  readonly #connection: BackendConnection;
  #answer: ReturnType<typeof answerScram> | undefined;

  constructor(connection: BackendConnection, mechanisms: readonly string[]) {
    this.#connection = connection;
    const binding = bindingFor(connection, mechanisms.includes(scramPlusMechanism));
    this.mechanism = binding.kind === 'tls-server-end-point' ? scramPlusMechanism : scramMechanism;
    this.start = startScram(randomBytes(SCRAM_NONCE_BYTES).toString('base64'), '', binding);
  }

  async answer(data: string): Promise<string> {
    const challenge = readScramChallenge(this.start, data);
    this.#answer = answerScram(challenge, await keysOf(this.#connection, challenge.salt, challenge.iterations));
    return this.#answer.message;
  }

  verify(data: string): void {
    if (this.#answer === undefined) throw new PgError(sqlstate.protocolViolation, 'SASL ended before it began');
    verifyScram(this.#answer, data);
  }
}

function bindingFor(connection: BackendConnection, isOffered: boolean): ScramBinding {
  const { certificate } = connection;
  const hash = certificate === undefined ? undefined : certificateHash(certificate);
  if (hash === undefined) return { kind: 'none' };
  return isOffered ? { kind: 'tls-server-end-point', hash } : { kind: 'not offered' };
}

/** From the password, or those that the client's own log-in has shown. */
async function keysOf(connection: BackendConnection, salt: Buffer, iterations: number): Promise<ScramKeys> {
  const { password, shown } = connection.identity;
  if (password === undefined && shown?.kind === 'scram') return shown.keys;
  return scramKeys(await saltPassword(passwordOf(connection), salt, iterations));
}

function md5Of(connection: BackendConnection): string {
  const { user, password, shown } = connection.identity;
  if (password === undefined && shown?.kind === 'md5') return shown.verifier;
  return md5Verifier(user, passwordOf(connection));
}

function passwordOf(connection: BackendConnection): string {
  const { user, password, shown } = connection.identity;
  if (password !== undefined) return password;
  const what =
    shown === undefined
      ? `asks for a password for role "${user}" and pgring has none`
      : `does not take what role "${user}" has shown pgring of its password (${shown.kind})`;
  throw new PgError(sqlstate.invalidAuthorization, `${describeAddress(connection.address)} ${what}`, {
    severity: 'FATAL',
    hint: `Add it to the configuration: users: [{name: ${user}, password: …}]`,
  });
}

/** The server's own error, with the shard named in its detail; and why the keys of a client may not fit. */
function atShard(connection: BackendConnection, error: PgError): PgError {
  const detail = error.fields.detail === undefined ? '' : `${error.fields.detail} `;
  const { user, password, shown } = connection.identity;
  const isOtherVerifier =
    error.sqlstate === sqlstate.invalidPassword && password === undefined && shown?.kind === 'scram';
  return new PgError(error.sqlstate, error.message, {
    ...error.fields,
    detail: `${detail}Reported by ${describeAddress(connection.address)}.`,
    ...(isOtherVerifier ? { hint: otherVerifierHint(user) } : {}),
  });
}

function otherVerifierHint(user: string): string {
  return (
    `The shards may have stored different verifiers of one password. Set it once through pgring, as a superuser: ` +
    `ALTER ROLE "${user}" PASSWORD '…'; or give pgring the password: users: [{name: ${user}, password: …}]`
  );
}
