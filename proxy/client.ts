/** A client from its first byte to its last: start-up, log-in, session. Until it has logged in it is a stranger. */

import type { Socket } from 'node:net';
import { PgError, sqlstate } from '../base/errors.js';
import type { Config } from '../catalog/config.js';
import { crossShardReadsName } from '../catalog/cross-shard-reads.js';
import {
  authenticationOk,
  encodeBackendKeyData,
  encodeErrorResponse,
  encodeNegotiateProtocolVersion,
  encodeParameterStatus,
  encodeReadyForQuery,
  encryptionRefused,
} from '../wire/encode-backend.js';
import { FrameReader } from '../wire/frame.js';
import {
  negotiate,
  readIdentity,
  readStartupPacket,
  StartupReader,
  type ProtocolVersion,
  type StartupPacket,
} from '../wire/startup.js';
import type { CancelKeys } from './cancel-keys.js';
import { ClientSocket } from './client-socket.js';
import { toClientError } from './report-error.js';
import type { SessionBackends } from '../router/transaction/session-backends.js';
import { Session } from './session.js';
import { SessionScope, type ProxyParts } from './session-scope.js';

/** What a client needs of its proxy. */
interface ClientContext {
  readonly config: Config;
  readonly parts: ProxyParts;
  readonly cancelKeys: CancelKeys;
  readonly clients: Set<Client>;
}

type State =
  | { readonly kind: 'starting'; readonly reader: StartupReader }
  /** Logging in: its messages wait. */
  | { readonly kind: 'opening'; readonly reader: FrameReader }
  | { readonly kind: 'session'; readonly reader: FrameReader; readonly session: Session }
  | { readonly kind: 'ended' };

/** Secret keys: 4 bytes until protocol 3.2, which allows more. */
const SHORT_KEY_BYTES = 4;
const LONG_KEY_BYTES = 32;

/** Start-up parameters that are for the proxy and not for the servers. */
const ownParameters = new Set(['user', 'database', 'replication']);

export class Client {
  /** Resolves when the client is gone and its connections are given back. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #output: ClientSocket;
  readonly #context: ClientContext;
  #state: State = { kind: 'starting', reader: new StartupReader() };
  #draining = false;
  #processId = 0;
  #timer: NodeJS.Timeout | undefined;
  #resolveEnded: () => void = () => undefined;

  constructor(socket: Socket, context: ClientContext) {
    this.#socket = socket;
    this.#output = new ClientSocket(socket);
    this.#context = context;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#timer = setTimeout(() => {
      this.#refuse(new PgError(sqlstate.protocolViolation, 'timeout while waiting for the start-up packet'));
    }, context.config.limits.startupTimeoutMs);
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', () => {
      socket.destroy();
    });
    socket.on('end', () => {
      socket.end();
      this.#leave();
    });
    socket.on('close', () => {
      this.#leave();
    });
  }

  /** The connections of its session; undefined before there is one, and after. */
  get backends(): SessionBackends | undefined {
    return this.#state.kind === 'session' ? this.#state.session.scope.backends : undefined;
  }

  drain(): void {
    this.#draining = true;
    if (this.#state.kind === 'session') this.#state.session.drain();
    else this.#refuse(new PgError(sqlstate.cannotConnectNow, 'pgring is shutting down'));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      switch (this.#state.kind) {
        case 'starting':
          this.#state.reader.push(chunk);
          this.#start(this.#state.reader);
          return;
        case 'opening':
          this.#state.reader.push(chunk);
          if (this.#state.reader.bufferedBytes > this.#context.config.limits.clientBufferBytes) this.#socket.pause();
          return;
        case 'session':
          this.#state.reader.push(chunk);
          this.#state.session.onInput();
          return;
        case 'ended':
      }
    } catch (error) {
      this.#refuse(toClientError(error));
    }
  }

  /** Reads start-up packets until the one that names a user. */
  #start(reader: StartupReader): void {
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      const request: StartupPacket = readStartupPacket(packet);
      switch (request.kind) {
        case 'ssl':
        case 'gssenc':
          if (reader.bufferedBytes > 0) {
            throw new PgError(sqlstate.protocolViolation, 'received unencrypted data after SSL request', {
              severity: 'FATAL',
            });
          }
          this.#output.write(encryptionRefused);
          break;
        case 'cancel':
          this.#cancel(request.processId, request.secretKey);
          return;
        case 'startup':
          this.#logIn(request.protocol, request.parameters, reader.takeRest());
          return;
      }
    }
  }

  #cancel(processId: number, secretKey: Buffer): void {
    this.#stopTimer();
    this.#state = { kind: 'ended' };
    this.#context.cancelKeys
      .cancel(processId, Buffer.from(secretKey))
      .catch((error: unknown) => {
        this.#context.parts.log.warn({ error }, 'a cancel request could not be passed on');
      })
      .finally(() => {
        this.#socket.end();
      });
  }

  #logIn(protocol: ProtocolVersion, parameters: ReadonlyMap<string, string>, rest: Buffer): void {
    const { user, database } = readIdentity(parameters);
    const { limits, users } = this.#context.config;
    if (this.#context.clients.size > limits.clients) {
      throw new PgError(sqlstate.tooManyConnections, 'sorry, too many clients already', {
        severity: 'FATAL',
        hint: `pgring takes ${limits.clients} clients (limits.clients).`,
      });
    }
    if (parameters.has('replication') && !['false', 'off', '0', 'no'].includes(parameters.get('replication') ?? '')) {
      throw new PgError(sqlstate.featureNotSupported, 'replication connections are not supported by pgring', {
        severity: 'FATAL',
        hint: 'Connect to the shards themselves for replication.',
      });
    }
    checkEncoding(parameters.get('client_encoding'));
    this.#stopTimer();
    const { minor, unrecognized, mustTell } = negotiate(protocol, parameters);
    if (mustTell) this.#output.write(encodeNegotiateProtocolVersion(minor, unrecognized));
    const reader = new FrameReader(limits.messageBytes);
    reader.push(rest);
    this.#state = { kind: 'opening', reader };
    const identity = {
      user,
      database,
      password: users.find((candidate) => candidate.name === user)?.password ?? this.#controlPassword(user),
      parameters: withDefaults(parameters, this.#context.config),
    };
    this.#open(identity, reader, minor >= 2 ? LONG_KEY_BYTES : SHORT_KEY_BYTES).catch((error: unknown) => {
      this.#refuse(toClientError(error));
    });
  }

  #controlPassword(user: string): string | undefined {
    const { control } = this.#context.config;
    return control.user === user ? control.password : undefined;
  }

  async #open(
    identity: ConstructorParameters<typeof SessionScope>[1],
    reader: FrameReader,
    keyBytes: number,
  ): Promise<void> {
    const { parts, cancelKeys, config } = this.#context;
    const scope = new SessionScope(parts, identity, this.#output);
    try {
      await scope.open();
    } catch (error) {
      await scope.backends.releaseAll();
      throw error;
    }
    if (this.#state.kind === 'ended') {
      await scope.backends.releaseAll();
      this.#resolveEnded();
      return;
    }
    const session = new Session({
      scope,
      socket: this.#output,
      reader,
      clientBufferBytes: config.limits.clientBufferBytes,
      pipelineBytes: config.limits.pipelineBytes,
      onClosed: () => {
        cancelKeys.remove(this.#processId);
        this.#resolveEnded();
      },
    });
    const key = cancelKeys.register(session, keyBytes);
    this.#processId = key.processId;
    this.#state = { kind: 'session', reader, session };
    this.#output.write(
      Buffer.concat([
        authenticationOk,
        ...[...scope.parameters].map(([name, value]) => encodeParameterStatus(name, value)),
        encodeBackendKeyData(key.processId, key.secretKey),
        encodeReadyForQuery('I'),
      ]),
    );
    this.#socket.resume();
    if (this.#draining) session.drain();
    session.onInput();
  }

  /** Says why and closes; for those who have no session. */
  #refuse(error: PgError): void {
    if (this.#state.kind === 'ended' || this.#state.kind === 'session') return;
    this.#output.end(
      encodeErrorResponse(new PgError(error.sqlstate, error.message, { ...error.fields, severity: 'FATAL' })),
    );
    this.#leave();
  }

  #leave(): void {
    const state = this.#state;
    this.#state = { kind: 'ended' };
    this.#stopTimer();
    this.#context.clients.delete(this);
    switch (state.kind) {
      case 'session':
        state.session.onGone().catch((error: unknown) => {
          this.#context.parts.log.error({ error }, 'a session could not be ended cleanly');
          this.#resolveEnded();
        });
        return;
      case 'starting':
        this.#resolveEnded();
        return;
      case 'opening':
      case 'ended':
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What the servers are to know: the client's own settings come after pgring's defaults, and so win. */
function withDefaults(
  parameters: ReadonlyMap<string, string>,
  { crossShardReads }: Config,
): ReadonlyMap<string, string> {
  const own = [...parameters].filter(([name]) => !ownParameters.has(name) && !name.startsWith('_pq_.'));
  const options = `-c ${crossShardReadsName}=${crossShardReads} ${parameters.get('options') ?? ''}`.trimEnd();
  return new Map([...own, ['options', options]]);
}

/** Statements are read as UTF-8; SQL_ASCII means that nobody converts, so the bytes are the servers' own UTF-8. */
function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined) return;
  const name = encoding.replaceAll(/[^a-z0-9]/gi, '').toLowerCase();
  if (['utf8', 'unicode', 'sqlascii'].includes(name)) return;
  throw new PgError(sqlstate.featureNotSupported, `client_encoding ${encoding} is not supported by pgring yet`, {
    severity: 'FATAL',
    hint: 'Use UTF8: PGCLIENTENCODING=UTF8.',
  });
}
