/** A client from its first byte to its last: start-up, log-in, session. Until it has logged in it is a stranger. */

import type { Socket } from 'node:net';
import { PgError, sqlstate } from '../base/errors.js';
import type { Config } from '../catalog/config.js';
import { authenticationOk, encodeNegotiateProtocolVersion } from '../wire/encode-backend.js';
import { FrameReader } from '../wire/frame.js';
import { isForLogOnly, negotiate, readIdentity, type ProtocolVersion } from '../wire/startup.js';
import { logInTimeout, type Door } from './authentication/door.js';
import type { EncryptedClient } from './authentication/client-tls.js';
import type { Activity } from './session-clock.js';
import { fatal, plainAddress, type ClientOrigin } from './authentication/rules.js';
import { clientAddress } from './activity.js';
import type { CancelKeys } from './cancel-keys.js';
import type { ClientCounts } from './client-counts.js';
import { ClientSocket } from './client-socket.js';
import { Entrance } from './entrance.js';
import { asKnownSession } from './known-session.js';
import { encodeFatal, terminated, toClientError } from './report-error.js';
import type { SessionBackends } from '../router/transaction/session-backends.js';
import { encodeWelcome, openSession } from './open-session.js';
import type { Session } from './session.js';
import type { ProxyParts } from './proxy-parts.js';
import { checkStartup, withDefaults } from './start-up.js';

/** What a client needs of its proxy. */
interface ClientContext {
  readonly config: () => Config;
  readonly parts: ProxyParts;
  readonly door: Door;
  readonly counts: ClientCounts;
  readonly cancelKeys: CancelKeys;
  readonly clients: Set<Client>;
}

type State =
  | { readonly kind: 'starting'; readonly entrance: Entrance }
  | { readonly kind: 'encrypting' }
  /** Proving who it is, and its session being opened: its messages wait for whoever asks for them. */
  | { readonly kind: 'opening'; readonly reader: FrameReader }
  | { readonly kind: 'session'; readonly reader: FrameReader; readonly session: Session }
  | { readonly kind: 'ended' };

/** Secret keys: 4 bytes until protocol 3.2, which allows more. */
const SHORT_KEY_BYTES = 4;
const LONG_KEY_BYTES = 32;

/** What somebody who has not logged in may have sent and not been answered. */
const STRANGER_BUFFER_BYTES = 64 * 1024;

const nothing = (): void => undefined;

/** The client left while it was being asked something: nobody is there to be told. */
class ClientGone extends Error {}

export class Client {
  /** Resolves when the client is gone and its connections are given back. */
  readonly ended: Promise<void>;
  readonly #context: ClientContext;
  readonly #origin: ClientOrigin;
  readonly #acceptedAt = performance.now();
  #socket: Socket;
  #output: ClientSocket;
  #encrypted: EncryptedClient | undefined;
  #state: State;
  #draining = false;
  #processId = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Gives back what it counts for: as a stranger, later as a client. */
  #uncount: () => void = nothing;
  #wake: () => void = nothing;
  #resolveEnded: () => void = nothing;

  /** Takes a connection that was just accepted. */
  static receive(socket: Socket, isLocal: boolean, context: ClientContext): void {
    const client = new Client(socket, isLocal, context);
    context.clients.add(client);
    client.#begin();
  }

  private constructor(socket: Socket, isLocal: boolean, context: ClientContext) {
    this.#socket = socket;
    this.#output = new ClientSocket(socket);
    this.#context = context;
    this.#origin = isLocal
      ? { kind: 'local' }
      : { kind: 'tcp', address: plainAddress(socket.remoteAddress ?? ''), isEncrypted: false };
    this.#state = { kind: 'starting', entrance: this.#makeEntrance(false) };
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  #begin(): void {
    this.#attach(this.#socket);
    try {
      this.#uncount = this.#context.counts.admitStranger();
    } catch (error) {
      this.#refuse(toClientError(error));
      return;
    }
    this.#timer = setTimeout(() => {
      this.#refuse(new PgError(sqlstate.protocolViolation, 'timeout while waiting for the start-up packet'));
    }, this.#context.config().limits.startupTimeoutMs);
  }

  /** As PostgreSQL, pgring does not encrypt Unix sockets. */
  #makeEntrance(isEncrypted: boolean): Entrance {
    return new Entrance({
      isEncrypted,
      mayEncrypt: !isEncrypted && this.#origin.kind === 'tcp' && this.#context.door.tls !== undefined,
      answer: (bytes) => {
        this.#output.write(bytes);
      },
    });
  }

  #attach(socket: Socket): void {
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

  /** What it is doing, for whoever watches its limits; undefined without a session. */
  get activity(): Activity | undefined {
    if (this.#state.kind !== 'session') return undefined;
    const { session, reader } = this.#state;
    return {
      doing: session.doing,
      isInTransaction: session.scope.transaction.isExplicit,
      messages: reader.taken,
      heldBytes: reader.bufferedBytes + this.#output.waitingBytes,
    };
  }

  /** Cancels what runs for it, for a reason of which it shall hear. */
  async cancel(reason: PgError): Promise<void> {
    if (this.#state.kind !== 'session') return;
    for (const connection of this.#state.session.scope.backends.busy) connection.explainCancel(reason);
    await this.#state.session.cancel();
  }

  /** Says why and ends the session. */
  terminate(reason: PgError): void {
    if (this.#state.kind !== 'session') return;
    this.#state.session.scope.logFatal(reason);
    this.#output.end(encodeFatal(reason));
    this.#leave();
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
          this.#enter(this.#state.entrance, chunk);
          return;
        case 'opening':
          this.#state.reader.push(chunk);
          this.#wake();
          if (this.#state.reader.bufferedBytes > STRANGER_BUFFER_BYTES) this.#socket.pause();
          return;
        case 'session':
          this.#state.reader.push(chunk);
          this.#state.session.onInput();
          return;
        case 'encrypting':
        case 'ended':
      }
    } catch (error) {
      this.#refuse(toClientError(error));
    }
  }

  #enter(entrance: Entrance, chunk: Buffer): void {
    const arrival = entrance.receive(chunk);
    switch (arrival?.kind) {
      case 'encrypt':
        this.#encrypt(arrival.begun);
        return;
      case 'cancel':
        this.#cancel(arrival.processId, arrival.secretKey);
        return;
      case 'startup':
        this.#logIn(arrival.protocol, arrival.parameters, arrival.rest);
        return;
      case undefined:
    }
  }

  /** Goes on over an encrypted socket. `begun`: the beginning of a handshake that was read already. */
  #encrypt(begun: Buffer | undefined): void {
    const { tls } = this.#context.door;
    if (tls === undefined) return;
    const socket = this.#socket;
    this.#state = { kind: 'encrypting' };
    socket.pause();
    socket.removeAllListeners('data');
    socket.removeAllListeners('end');
    if (begun !== undefined) socket.unshift(begun);
    void tls.accept(socket).then((encrypted) => {
      if (this.#state.kind !== 'encrypting' || encrypted === undefined) {
        socket.destroy();
        return;
      }
      if (begun !== undefined && !encrypted.namedProtocol) {
        encrypted.socket.destroy();
        return;
      }
      this.#encrypted = encrypted;
      this.#socket = encrypted.socket;
      this.#output = new ClientSocket(encrypted.socket);
      this.#state = { kind: 'starting', entrance: this.#makeEntrance(true) };
      this.#attach(encrypted.socket);
    });
  }

  #cancel(processId: number, secretKey: Buffer): void {
    this.#leave();
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
    checkStartup(parameters);
    const { limits } = this.#context.config();
    this.#stopTimer();
    this.#timer = setTimeout(
      () => {
        this.#refuse(logInTimeout);
      },
      limits.logInTimeoutMs - (performance.now() - this.#acceptedAt),
    );
    const { minor, unrecognized, mustTell } = negotiate(protocol, parameters);
    if (mustTell) this.#output.write(encodeNegotiateProtocolVersion(minor, unrecognized));
    const reader = new FrameReader(limits.messageBytes);
    reader.push(rest);
    this.#state = { kind: 'opening', reader };
    const claim = { user, database };
    this.#open(claim, parameters, reader, minor >= 2 ? LONG_KEY_BYTES : SHORT_KEY_BYTES).catch((error: unknown) => {
      if (!(error instanceof ClientGone)) this.#refuse(toClientError(error));
      this.#resolveEnded();
    });
  }

  /** The client's next message while it has no session yet. */
  async #nextFrame(reader: FrameReader, maximumLength: number): Promise<Buffer> {
    reader.maximumFrameBytes = maximumLength + 1;
    for (;;) {
      if (this.#state.kind !== 'opening') throw new ClientGone();
      const frame = reader.next();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#socket.resume();
      });
    }
  }

  async #open(
    { user, database }: { readonly user: string; readonly database: string },
    parameters: ReadonlyMap<string, string>,
    reader: FrameReader,
    keyBytes: number,
  ): Promise<void> {
    const { parts, cancelKeys, door, counts } = this.#context;
    const origin = this.#origin.kind === 'local' ? this.#origin : { ...this.#origin, isEncrypted: this.#isEncrypted };
    const { mayLogIn, ...proof } = await door.admit(
      origin,
      { user, database },
      {
        user,
        certificateHash: this.#encrypted?.certificateHash,
        certificate: this.#encrypted?.certificate,
        send: (bytes) => {
          this.#output.write(bytes);
        },
        receive: async (maximumLength) => await this.#nextFrame(reader, maximumLength),
      },
    );
    if (this.#state.kind === 'ended') throw new ClientGone();
    this.#output.write(authenticationOk);
    this.#stopTimer();
    this.#uncount();
    this.#uncount = nothing;
    // A server says that only of a new connection, and one may be there already.
    if (mayLogIn === false) throw fatal(sqlstate.invalidAuthorization, `role "${user}" is not permitted to log in`);
    this.#uncount = counts.admit(user, database);
    const config = this.#context.config();
    const { limits } = config;
    reader.maximumFrameBytes = limits.messageBytes;
    const identity = { user, database, password: undefined, ...proof, parameters: withDefaults(parameters, config) };
    const session = await openSession({
      parts,
      identity,
      output: this.#output,
      reader,
      limits,
      isGone: () => this.#isEnded,
      onClosed: () => {
        cancelKeys.remove(this.#processId);
        this.#resolveEnded();
      },
    });
    if (session === undefined) throw new ClientGone();
    const key = cancelKeys.register(
      asKnownSession(session, () => {
        this.terminate(terminated);
      }),
      keyBytes,
    );
    this.#processId = key.processId;
    session.scope.activity.introduce(key.processId, clientAddress(this.#origin, this.#socket));
    this.#state = { kind: 'session', reader, session };
    this.#output.write(encodeWelcome(session, key));
    this.#socket.resume();
    if (this.#draining) session.drain();
    session.onInput();
  }

  get #isEncrypted(): boolean {
    return this.#encrypted !== undefined;
  }

  get #isEnded(): boolean {
    return this.#state.kind === 'ended';
  }

  /** Says why and closes; for those who have no session. */
  #refuse(error: PgError): void {
    if (this.#state.kind === 'ended' || this.#state.kind === 'session') return;
    // In the middle of a handshake there is no way to say it.
    if (this.#state.kind === 'encrypting' || isForLogOnly(error)) this.#socket.destroy();
    this.#output.end(encodeFatal(error));
    this.#leave();
  }

  #leave(): void {
    const state = this.#state;
    if (state.kind === 'ended') return;
    this.#state = { kind: 'ended' };
    this.#context.clients.delete(this);
    this.#stopTimer();
    this.#uncount();
    this.#wake();
    switch (state.kind) {
      case 'session':
        state.session.onGone().catch((error: unknown) => {
          this.#context.parts.log.error({ error }, 'a session could not be ended cleanly');
          this.#resolveEnded();
        });
        break;
      case 'starting':
      case 'encrypting':
        this.#resolveEnded();
        break;
      case 'opening':
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
