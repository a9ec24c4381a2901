/**
 * One client's session after log-in. Its state is a union: input is taken only when it is idle, so nothing overlaps;
 * what the client sends meanwhile waits in the frame reader, and its socket is paused when that is too much.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { PgError, sqlstate } from '../base/errors.js';
import type { ShardId } from '../catalog/topology.js';
import { frontendType } from '../wire/frame.js';
import type { FrameReader } from '../wire/frame.js';
import { readQuery } from '../wire/frontend.js';
import { encodeErrorResponse, encodeReadyForQuery, parseComplete } from '../wire/encode-backend.js';
import type { BackendConnection } from '../router/backend/connection.js';
import { Relay, type RelayListener, type Told } from '../router/backend/relay.js';
import type { ClientSocket } from './client-socket.js';
import { ExtendedQuery, plainRelay, type PipelineRelay } from './extended-query.js';
import { listOwn } from './list-own.js';
import { asSessionTimeout, encodeFatal, functionCallRefused, isFatal } from './report-error.js';
import { terminated, toClientError, unknownMessage } from './report-error.js';
import type { SessionScope } from './session-scope.js';
import { idle, type SessionState } from './session-state.js';
import { passCopyMessages } from './pass-copy.js';
import { executeSimpleQuery, findRelay } from './simple-query.js';
import { isPreparedOn } from './statement-provider.js';

/** What a client that is gone has left running is cancelled again and again: a statement may begin after the first. */
const CANCEL_AGAIN_MS = 250;

interface SessionOptions {
  readonly scope: SessionScope;
  readonly socket: ClientSocket;
  readonly reader: FrameReader;
  readonly clientBufferBytes: number;
  readonly pipelineBytes: number;
  readonly onClosed: () => void;
}

export class Session implements RelayListener {
  readonly scope: SessionScope;
  readonly #socket: ClientSocket;
  readonly #reader: FrameReader;
  readonly #clientBufferBytes: number;
  readonly #onClosed: () => void;
  readonly #relay: Relay;
  readonly #extended: ExtendedQuery;
  #state: SessionState = idle;
  #paused = false;
  #draining = false;
  #wakeCopy: (() => void) | undefined;
  /** A message that waits until what was gathered before it is done, or there is a connection for it. */
  #held: Buffer | undefined;
  #hasWaited = false;
  /** What runs while the session is busy. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.scope = options.scope;
    this.#socket = options.socket;
    this.#reader = options.reader;
    this.#clientBufferBytes = options.clientBufferBytes;
    this.#onClosed = options.onClosed;
    this.#relay = new Relay(options.socket, this);
    this.#extended = new ExtendedQuery(this.scope, options.pipelineBytes);
    this.scope.onParameterChange = (bytes) => {
      if (this.#state.kind !== 'relaying') this.#socket.write(bytes);
    };
    this.scope.onTimeout = (shard, error) => {
      const where = shard === this.scope.topology.home ? 'home' : 'elsewhere';
      const end = asSessionTimeout(error, where, this.#state.kind === 'idle');
      if (end !== undefined) this.#fatal(end);
    };
    this.scope.nextFrame = async () => await this.#nextFrame();
    this.scope.listOwn = async (view) => await listOwn(this.scope, view);
  }

  get doing(): SessionState['kind'] {
    return this.#state.kind;
  }

  /** More of the client's bytes are in the reader. */
  onInput(): void {
    this.#wakeCopy?.();
    if (this.#state.kind === 'relaying' && this.#state.copyIn) this.#forwardCopy();
    this.#dispatch();
    this.#checkInput();
  }

  /** The client is gone: what runs for it is cancelled, and its connections are given back or given up. */
  async onGone(): Promise<void> {
    if (this.#state.kind === 'closed') return;
    const { kind } = this.#state;
    this.#state = { kind: 'closed' };
    this.scope.gone = true;
    this.#wakeCopy?.();
    if (kind === 'relaying') await this.cancel();
    if (kind === 'busy') await this.#interruptWork();
    await this.scope.portals.forgetAll();
    await this.scope.backends.releaseAll();
    this.#onClosed();
  }

  /** Cancels what runs now, on every shard it runs on. */
  async cancel(): Promise<void> {
    await Promise.all(this.scope.backends.busy.map(async (connection) => await connection.cancel()));
  }

  /** Resolves when the work has ended. Until then it uses the connections, so that no other session may have them. */
  async #interruptWork(): Promise<void> {
    const end = this.#work.then(() => 'ended');
    do await this.cancel();
    while ((await Promise.race([end, sleep(CANCEL_AGAIN_MS)])) !== 'ended');
  }

  /** Ends as soon as no transaction is in progress. */
  drain(): void {
    this.#draining = true;
    this.#endIfDrained();
  }

  onRelayDone(connection: BackendConnection): void {
    if (this.#state.kind !== 'relaying') return;
    for (const statement of this.#state.statements) {
      if (!isPreparedOn(connection, statement)) this.scope.prepared.removeExactly(statement);
    }
    this.#state = idle;
    this.scope.transaction.noteAnswer(connection);
    if (!this.scope.transaction.isExplicit) void this.scope.portals.forget();
    this.#abortOrGoOn();
  }

  onRelayCopyIn(connection: BackendConnection): void {
    if (this.#state.kind !== 'relaying') return;
    this.#state = { ...this.#state, connection, copyIn: true };
    this.#forwardCopy();
  }

  onRelayFailed(_connection: BackendConnection, error: PgError, told: Told): void {
    if (this.#state.kind !== 'relaying') return;
    // In copy mode the client's Sync is yet to come, and asks for ReadyForQuery itself.
    const { extended, copyIn } = this.#state;
    this.#state = idle;
    if (told === 'half a message') {
      this.scope.logFatal(error);
      this.#socket.destroy();
      return;
    }
    if (this.scope.transaction.isExplicit) this.scope.transaction.fail();
    if (told !== 'error') this.#socket.write(encodeErrorResponse(error));
    if (!extended || !copyIn) this.#writeReady();
    this.#abortOrGoOn();
  }

  #abortOrGoOn(): void {
    const { transaction } = this.scope;
    if (transaction.mustAbort) this.#run(async () => await transaction.abort());
    else this.#afterStatement();
  }

  #dispatch(): void {
    while (this.#state.kind === 'idle') {
      let frame: Buffer | undefined;
      try {
        frame = this.#held ?? this.#reader.next();
        this.#held = undefined;
        if (frame === undefined) return;
        this.#handle(frame);
      } catch (error) {
        this.#fatal(error);
        return;
      }
    }
  }

  #handle(frame: Buffer): void {
    if (this.#extended.skips(frame)) return;
    switch (frame[0]) {
      case frontendType.query:
        if (this.#extended.waiting) this.#finishGathered(frame);
        else this.#query(frame);
        return;
      case frontendType.parse:
      case frontendType.bind:
      case frontendType.describe:
      case frontendType.execute:
      case frontendType.close:
        if (this.#extended.add(frame)) this.#run(async () => await this.#extended.process('flush'));
        return;
      case frontendType.flush:
        this.#run(async () => await this.#extended.process('flush'));
        return;
      case frontendType.sync:
        this.#sync(frame);
        return;
      case frontendType.terminate:
        this.#socket.end(Buffer.alloc(0));
        void this.#leave();
        return;
      case frontendType.functionCall:
        if (this.#extended.waiting) {
          this.#finishGathered(frame);
          return;
        }
        this.#socket.write(encodeErrorResponse(functionCallRefused));
        this.scope.transaction.fail();
        this.#writeReady();
        return;
      case frontendType.copyData:
      case frontendType.copyDone:
      case frontendType.copyFail:
        // What a client had sent before it heard that its COPY failed (protocol, "COPY Operations").
        return;
      default:
        throw unknownMessage(frame[0]);
    }
  }

  /** What was sent before this message without a Sync comes first, and may fail, so that this is discarded. */
  #finishGathered(frame: Buffer): void {
    this.#held = frame;
    this.#run(async () => await this.#extended.process('flush'));
  }

  #query(frame: Buffer): void {
    this.scope.prepared.remove('');
    let planned;
    try {
      planned = this.scope.plan(readQuery(frame), []);
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#run(async () => await executeSimpleQuery(this.scope, [], toClientError(error)));
      return;
    }
    const target = findRelay(this.scope, planned);
    if (target?.kind === 'wait' && !this.#hasWaited) {
      this.#waitFor(frame, target.shard, async (error) => await executeSimpleQuery(this.scope, [], error));
      return;
    }
    this.#hasWaited = false;
    if (target?.kind !== 'ready') {
      this.#run(async () => await executeSimpleQuery(this.scope, planned, undefined));
      return;
    }
    const { connection, begin } = target.entry;
    if (planned[0] !== undefined) this.scope.activity.begin(planned[0].sql, this.scope.status);
    connection.prepared.delete('');
    const pieces = begin === undefined ? [frame] : [begin, frame];
    this.#startRelay({ ...plainRelay, connection, pieces, skipReady: pieces.length - 1, expectedParses: [] }, false);
  }

  #sync(frame: Buffer): void {
    const target = this.#extended.findRelay(frame);
    if (target?.kind === 'wait' && !this.#hasWaited) {
      this.#waitFor(frame, target.shard, async (error) => await this.#extended.refuse(error));
      return;
    }
    this.#hasWaited = false;
    if (target?.kind === 'ready') this.#startRelay(target.entry, true);
    else this.#run(async () => await this.#extended.process('sync'));
  }

  /** Handles the message again when the session has a connection to the shard, or refuses it when it can have none. */
  #waitFor(frame: Buffer, shard: ShardId, refuse: (error: PgError) => Promise<void>): void {
    this.#held = frame;
    this.#hasWaited = true;
    this.#run(async () => {
      try {
        await this.scope.transaction.reserve(shard);
      } catch (error) {
        this.#held = undefined;
        this.#hasWaited = false;
        await refuse(toClientError(error));
      }
    });
  }

  #startRelay(target: PipelineRelay, extended: boolean): void {
    const { connection, pieces, skipReady, expectedParses, statements, answered, names } = target;
    this.#state = { kind: 'relaying', connection, statements, copyIn: false, extended };
    for (let count = answered; count > 0; count -= 1) this.#socket.write(parseComplete);
    this.#relay.start(connection, skipReady, expectedParses, names);
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) connection.write(only, 1 + skipReady);
    else connection.writeAll(pieces, 1 + skipReady);
  }

  /** Runs what needs to wait. Its errors were told to the client already, but for those that end the session. */
  #run(work: () => Promise<void>): void {
    this.#state = { kind: 'busy' };
    this.#work = work()
      .then(async () => await this.scope.pins.settle())
      .then(
        () => {
          if (this.#state.kind === 'closed') return;
          this.#state = idle;
          this.#afterStatement();
        },
        (error: unknown) => {
          this.#fatal(error);
        },
      );
  }

  #afterStatement(): void {
    this.scope.activity.end();
    this.#endIfDrained();
    if (this.#held === undefined && !this.scope.transaction.isOpen) this.scope.pins.release();
    this.#checkInput();
    this.#dispatch();
  }

  /** Copy messages of the client go straight to the server that asked for them. */
  #forwardCopy(): void {
    if (this.#state.kind !== 'relaying' || !this.#state.copyIn) return;
    const { connection, extended } = this.#state;
    try {
      const passed = passCopyMessages(this.#reader, connection, extended);
      this.#state = { ...this.#state, copyIn: passed === 'more' };
      if (passed === 'blocked') void this.#resumeCopy(connection);
    } catch (error) {
      this.#fatal(error);
    }
  }

  async #resumeCopy(connection: BackendConnection): Promise<void> {
    await connection.drained();
    if (this.#state.kind !== 'relaying' || this.#state.connection !== connection) return;
    this.#state = { ...this.#state, copyIn: true };
    this.#forwardCopy();
    this.#checkInput();
  }

  /** The client's next frame, for COPY FROM STDIN that pgring splits. */
  async #nextFrame(): Promise<Buffer> {
    for (;;) {
      if (this.#state.kind === 'closed') {
        throw new PgError(sqlstate.connectionFailure, 'unexpected EOF on client connection with an open transaction');
      }
      const frame = this.#reader.next();
      if (frame !== undefined) {
        this.#checkInput();
        return frame;
      }
      await new Promise<void>((resolve) => {
        this.#wakeCopy = resolve;
        this.#checkInput();
      });
      this.#wakeCopy = undefined;
    }
  }

  /** Stops reading from a client that sends faster than its statements run, and goes on when they have caught up. */
  #checkInput(): void {
    // Whoever waits for a frame gets it read to its end, whatever its length: that is bounded by the reader.
    const waiting =
      this.#state.kind === 'idle' ||
      (this.#state.kind === 'relaying' && this.#state.copyIn) ||
      this.#wakeCopy !== undefined;
    const full = !waiting && this.#reader.bufferedBytes > this.#clientBufferBytes;
    if (full && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    } else if (!full && this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  #writeReady(): void {
    this.#socket.write(encodeReadyForQuery(this.scope.transaction.status));
  }

  #endIfDrained(): void {
    if (!this.#draining || this.#state.kind !== 'idle' || this.scope.transaction.isOpen) return;
    this.#fatal(terminated);
  }

  /** Tells the client why, and closes its connection. */
  #fatal(error: unknown): void {
    if (this.#state.kind === 'closed') return;
    const reported = toClientError(error);
    this.#socket.end(encodeFatal(reported));
    this.scope.logFatal(reported);
    void this.#leave();
  }

  async #leave(): Promise<void> {
    try {
      await this.onGone();
    } catch (failure) {
      this.scope.logFatal(toClientError(failure));
    }
  }
}
