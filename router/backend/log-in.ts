/** Logs in to a server (PostgreSQL manual, "Start-up"): trust, cleartext, md5 and SCRAM-SHA-256. */

import { randomBytes } from 'node:crypto';
import { PgError, sqlstate } from '../../base/errors.js';
import {
  encodePassword,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartup,
} from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { readAuthentication, readBackendKeyData, readErrorResponse } from '../../wire/backend.js';
import { answerMd5 } from '../../wire/md5.js';
import {
  answerScram,
  readScramChallenge,
  saltPassword,
  scramMechanism,
  startScram,
  verifyScram,
  type ScramAnswer,
} from '../../wire/scram.js';
import { BackendConnection, describeAddress, type BackendAddress, type BackendIdentity } from './connection.js';
import { Exchange } from './exchange.js';

const SCRAM_NONCE_BYTES = 18;

/** Connects and logs in. Errors: what the server says, or 08006 with the shard's name when it cannot be reached. */
export async function openConnection(
  address: BackendAddress,
  identity: BackendIdentity,
  connectTimeoutMs: number,
): Promise<BackendConnection> {
  const connection = new BackendConnection(address, identity, connectTimeoutMs);
  try {
    await logIn(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** Completes when the server is ready for queries. Errors: the server's own, 28000 for a missing password. */
async function logIn(connection: BackendConnection): Promise<void> {
  const exchange = new Exchange(connection);
  const { user, database, parameters } = connection.identity;
  exchange.send([encodeStartup([['user', user], ['database', database], ...parameters])], 1);
  const scram = startScram(randomBytes(SCRAM_NONCE_BYTES).toString('base64'));
  let scramAnswer: ScramAnswer | undefined;
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
        exchange.send([encodePassword(answerMd5(user, passwordOf(connection), request.salt))], 0);
        break;
      case 'sasl':
        exchange.send([encodeSaslInitialResponse(scramMechanism, scram.message)], 0);
        break;
      case 'saslContinue': {
        const challenge = readScramChallenge(scram, request.data);
        const salted = await saltPassword(passwordOf(connection), challenge.salt, challenge.iterations);
        scramAnswer = answerScram(challenge, salted);
        exchange.send([encodeSaslResponse(scramAnswer.message)], 0);
        break;
      }
      case 'saslFinal':
        if (scramAnswer === undefined) throw new PgError(sqlstate.protocolViolation, 'SASL ended before it began');
        verifyScram(scramAnswer, request.data);
        break;
    }
  }
  exchange.release();
}

function passwordOf(connection: BackendConnection): string {
  const { user, password } = connection.identity;
  if (password !== undefined) return password;
  throw new PgError(
    sqlstate.invalidAuthorization,
    `${describeAddress(connection.address)} asks for a password for role "${user}" and pgring has none`,
    { severity: 'FATAL', hint: `Add it to the configuration: users: [{name: ${user}, password: …}]` },
  );
}

/** The server's own error, with the shard named in its detail. */
function atShard(connection: BackendConnection, error: PgError): PgError {
  const detail = error.fields.detail === undefined ? '' : `${error.fields.detail} `;
  return new PgError(error.sqlstate, error.message, {
    ...error.fields,
    detail: `${detail}Reported by ${describeAddress(connection.address)}.`,
  });
}
