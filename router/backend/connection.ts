/**
 * One connection to one PostgreSQL server: the socket, the log-in, and the bookkeeping that says whether it is clean.
 * What the server sends goes to the sink that is attached; between exchanges a sink of its own listens for
 * asynchronous messages (PostgreSQL manual, "Asynchronous Operations").
 */

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { PgError, sqlstate } from '../../base/errors.js';
import type { OidMap } from '../../catalog/oid-map.js';
import { encodeErrorResponse } from '../../wire/encode-backend.js';
import { terminateFrame, encodeCancel, sslRequestPacket } from '../../wire/encode-frontend.js';
import { backendType } from '../../wire/frame.js';
import { FrameReader } from '../../wire/frame.js';
import { readErrorResponse, readParameterStatus, type TransactionStatus } from '../../wire/backend.js';
import { noSettings, type AppliedSettings } from './applied-settings.js';
import type { ServerTls } from './server-tls.js';
import { sendCancel } from './send-cancel.js';
import type { ScramKeys } from '../../wire/scram-keys.js';

/** Read buffers; a sink that keeps a chunk makes the connection take a new one. */
const READ_BUFFER_BYTES = 64 * 1024;
/** A frame outside an exchange (a notice, a notification, a farewell) is small. */
const ASYNCHRONOUS_FRAME_BYTES = 1024 * 1024;
/** Up to so many bytes a copy costs less than a vector of buffers. */
const JOINED_BYTES = 16 * 1024;
/** The answers to a request for encryption. */
const OFFERED = 'S'.charCodeAt(0);
const NOT_OFFERED = 'N'.charCodeAt(0);

export interface BackendAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Undefined: nothing is encrypted. */
  readonly tls?: ServerTls | undefined;
}

/** What a client's own log-in has shown of its password: enough for servers that have the same verifier. */
export type ShownSecret =
  { readonly kind: 'scram'; readonly keys: ScramKeys } | { readonly kind: 'md5'; readonly verifier: string };

export interface BackendIdentity {
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /** In the place of a password. */
  readonly shown?: ShownSecret | undefined;
  /** Start-up parameters of the client that the server must know (DateStyle, options, …). */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What takes a server's bytes. */
export interface BackendSink {
  /** Bytes as read. They are valid during the call only, unless `BackendConnection.retain()` is called in it. */
  receive(chunk: Buffer): void;
  /** The connection is gone; nothing more will come. */
  fail(error: PgError): void;
}

function connectTarget(address: BackendAddress): { path: string } | { host: string; port: number } {
  return address.host.startsWith('/')
    ? { path: `${address.host}/.s.PGSQL.${address.port}` }
    : { host: address.host, port: address.port };
}

export const sameOids = (): undefined => undefined;

/** `shard s1 (127.0.0.1:5433)` */
export function describeAddress(address: BackendAddress): string {
  return `shard ${address.name} (${address.host}:${address.port})`;
}

export class BackendConnection {
  readonly address: BackendAddress;
  readonly identity: BackendIdentity;
  /** ParameterStatus as last reported. */
  readonly parameters = new Map<string, string>();
  processId = 0;
  secretKey: Buffer = Buffer.alloc(0);
  /** As the last ReadyForQuery said. */
  status: TransactionStatus = 'I';
  /** ReadyForQuery messages that are still to come. 0 and status 'I' mean that the connection is clean. */
  outstandingReady = 0;
  /** Counts what was sent that is answered by ReadyForQuery: it tells one statement from the next. */
  exchanges = 0;
  /** The settings that it has beyond those of its start-up. */
  settings: AppliedSettings = noSettings;
  /** The session that has taken numbers of sequences on it, of which currval() and lastval() tell. */
  numbersOf: object | undefined;
  /** Counts reports of parameters: while it stays the same, no setting that is reported has changed. */
  parameterReports = 0;
  /** When it was last lent or given back, and when it has served long enough, both as performance.now() counts. */
  usedAt = 0;
  expiresAt = Number.POSITIVE_INFINITY;
  /** Statements prepared on this connection, by name; kept by the session's prepared statements. */
  readonly prepared = new Map<string, object>();
  /** How this server's oids differ from those that clients know; kept by the session that has the connection. */
  oidMap: () => OidMap | undefined = sameOids;
  /** Takes NotificationResponse frames that come between exchanges. */
  onNotification: ((frame: Buffer) => void) | undefined;
  /** Takes name and value of a ParameterStatus that comes between exchanges. */
  onParameter: ((name: string, value: string) => void) | undefined;
  /** Takes what the server said before it closed the connection by itself. */
  onFarewell: ((error: PgError) => void) | undefined;
  /** Called once when the connection is gone, after the sink has been told. */
  onClose: ((error: PgError) => void) | undefined;

  #socket: Socket;
  /** Takes the server's answer to the request for encryption. */
  #negotiation: ((chunk: Buffer) => void) | undefined;
  #tls: ConnectionOptions | undefined;
  #sink: BackendSink | undefined;
  #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #closed: PgError | undefined;
  readonly #cancels = new Set<Promise<void>>();
  #cancelReason: { readonly exchange: number; readonly reason: PgError } | undefined;
  /** What the server said before it closed the connection. */
  #farewell: PgError | undefined;
  #loggedIn = false;
  readonly #asynchronous = new FrameReader(ASYNCHRONOUS_FRAME_BYTES);

  /** Begins to connect; log-in.ts completes it. */
  constructor(address: BackendAddress, identity: BackendIdentity) {
    this.address = address;
    this.identity = identity;
    this.#socket = connect({
      ...connectTarget(address),
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => this.#readBuffer,
        callback: (length) => {
          const chunk = this.#readBuffer.subarray(0, length);
          if (this.#negotiation === undefined) this.receive(chunk);
          else this.#negotiation(chunk);
          return true;
        },
      },
    });
    this.#watch(this.#socket);
  }

  #watch(socket: Socket): void {
    socket.on('error', (error) => {
      this.#close(error.message);
    });
    socket.on('end', () => {
      this.#close('the server closed the connection');
    });
    socket.on('close', () => {
      this.#close('the connection was closed');
    });
  }

  /** Encrypts the connection before anything else is sent. False: the server does not offer it. */
  async encrypt(options: ConnectionOptions): Promise<boolean> {
    const plain = this.#socket;
    const isOffered = await new Promise<boolean>((resolve, reject) => {
      this.#negotiation = (chunk) => {
        // What follows in the same breath was put there by somebody in between (CVE-2021-23222).
        if (chunk.length === 1 && chunk[0] === OFFERED) resolve(true);
        else if (chunk.length === 1 && chunk[0] === NOT_OFFERED) resolve(false);
        else reject(this.#failure('the server answered the request for encryption with other bytes'));
      };
      plain.once('close', () => {
        reject(this.#closed ?? this.#failure('the connection was closed'));
      });
      plain.write(sslRequestPacket);
    });
    this.#negotiation = undefined;
    if (!isOffered) return false;
    const encrypted = connectTls({ ...options, socket: plain });
    this.#socket = encrypted;
    this.#tls = options;
    this.#watch(encrypted);
    await new Promise<void>((resolve, reject) => {
      encrypted.once('secureConnect', resolve);
      encrypted.once('close', () => {
        reject(this.#closed ?? this.#failure('the connection was closed'));
      });
    });
    encrypted.on('data', (chunk: Buffer) => {
      this.receive(chunk);
    });
    return true;
  }

  /** The server's certificate; undefined while nothing is encrypted. */
  get certificate(): Buffer | undefined {
    if (this.#tls === undefined) return undefined;
    return (this.#socket as TLSSocket).getPeerX509Certificate()?.raw;
  }

  /** Ends the connection because of what took too long. */
  giveUp(reason: string): void {
    this.#socket.destroy(new Error(reason));
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Nothing is in flight and no transaction is open. */
  get clean(): boolean {
    return this.#closed === undefined && this.outstandingReady === 0 && this.status === 'I' && this.#sink === undefined;
  }

  attach(sink: BackendSink): void {
    if (this.#closed !== undefined) {
      sink.fail(this.#closed);
      return;
    }
    this.#sink = sink;
  }

  detach(): void {
    this.#sink = undefined;
  }

  /** To be called by a sink that keeps the chunk it was given: later reads go elsewhere. */
  retain(): void {
    this.#readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  }

  /** Sends bytes that end with `ready` messages that ask for ReadyForQuery (Query, Sync). False: wait for `drained()`. */
  write(bytes: Buffer, ready: number): boolean {
    this.outstandingReady += ready;
    this.exchanges += ready;
    return this.#socket.write(bytes);
  }

  /** Several writes in one system call. */
  writeAll(pieces: readonly Buffer[], ready: number): boolean {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes <= JOINED_BYTES) return this.write(Buffer.concat(pieces, bytes), ready);
    this.outstandingReady += ready;
    this.exchanges += ready;
    this.#socket.cork();
    let drained = true;
    for (const piece of pieces) drained = this.#socket.write(piece);
    this.#socket.uncork();
    return drained;
  }

  /** Resolves when what was written has left, or the connection is gone. */
  async drained(): Promise<void> {
    if (this.#closed !== undefined || !this.#socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** A ReadyForQuery was read. */
  noteReady(status: TransactionStatus): void {
    this.outstandingReady -= 1;
    this.status = status;
    this.#loggedIn = true;
  }

  /** Asks the server to cancel what runs on this connection (protocol: CancelRequest on a connection of its own). */
  async cancel(): Promise<void> {
    const request = encodeCancel(this.processId, this.secretKey);
    const sent = sendCancel(connectTarget(this.address), request, this.#tls);
    this.#cancels.add(sent);
    await sent;
    this.#cancels.delete(sent);
  }

  /** What runs now is going to be cancelled for that reason, of which its client shall hear. */
  explainCancel(reason: PgError): void {
    this.#cancelReason = { exchange: this.exchanges, reason };
  }

  /** An ErrorResponse as the client shall see it: the reason instead of the cancel that was its means. */
  explain(frame: Buffer): Buffer {
    if (this.#cancelReason?.exchange !== this.exchanges) return frame;
    const { sqlstate: code, fields } = readErrorResponse(frame);
    if (code !== sqlstate.queryCanceled) return frame;
    const { reason } = this.#cancelReason;
    const where = fields.where === undefined ? {} : { where: fields.where };
    return encodeErrorResponse(new PgError(reason.sqlstate, reason.message, { ...reason.fields, ...where }));
  }

  /** A cancel request is on its way. */
  get cancelling(): boolean {
    return this.#cancels.size > 0;
  }

  /** Resolves when no cancel request is on its way: a late one would hit whatever runs here next. */
  async cancelled(): Promise<void> {
    await Promise.all(this.#cancels);
  }

  /** Says goodbye to a clean connection. */
  end(): void {
    this.#socket.end(terminateFrame);
    this.#close('the connection was ended');
  }

  /** Gives up the connection; the server rolls back whatever was open. */
  destroy(): void {
    this.#socket.destroy();
    this.#close('the connection was given up');
  }

  /** Delivers bytes of the server; also for a sink that read more than was its own. */
  receive(chunk: Buffer): void {
    if (this.#sink === undefined) this.#receiveAsynchronous(Buffer.from(chunk));
    else this.#sink.receive(chunk);
  }

  #receiveAsynchronous(chunk: Buffer): void {
    try {
      this.#asynchronous.push(chunk);
      for (let frame = this.#asynchronous.next(); frame !== undefined; frame = this.#asynchronous.next()) {
        this.noteAsynchronous(frame);
      }
    } catch (error) {
      this.#socket.destroy();
      this.#close(error instanceof Error ? error.message : String(error));
    }
  }

  /** Handles a message that may come at any time. False: it is not one of those. */
  noteAsynchronous(frame: Buffer): boolean {
    switch (frame[0]) {
      case backendType.parameterStatus: {
        const { name, value } = readParameterStatus(frame);
        this.parameters.set(name, value);
        this.parameterReports += 1;
        this.onParameter?.(name, value);
        return true;
      }
      case backendType.notificationResponse:
        this.onNotification?.(frame);
        return true;
      case backendType.errorResponse: {
        // After log-in a FATAL error is about the connection, not about a statement: the server closes next, and
        // the error of the lost connection repeats it. A client that got both would take the second for its own end.
        const error = readErrorResponse(frame);
        if (!this.#loggedIn || (error.severity !== 'FATAL' && error.severity !== 'PANIC')) return false;
        this.#farewell = error;
        return true;
      }
      default:
        return false;
    }
  }

  #close(reason: string): void {
    if (this.#closed !== undefined) return;
    const farewell = this.#farewell === undefined ? '' : ` after "${this.#farewell.message}"`;
    this.#closed = this.#failure(`${reason}${farewell}`);
    this.#socket.destroy();
    const sink = this.#sink;
    this.#sink = undefined;
    if (this.#farewell !== undefined) this.onFarewell?.(this.#farewell);
    sink?.fail(this.#closed);
    this.onClose?.(this.#closed);
  }

  #failure(reason: string): PgError {
    return new PgError(sqlstate.connectionFailure, `connection to ${describeAddress(this.address)} failed: ${reason}`, {
      hint: 'Statements that need only other shards still work; this shard is used again as soon as it is back.',
    });
  }
}
