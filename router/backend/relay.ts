/**
 * The hot path: what one server sends goes to the client as the chunks that were read, one write each. Frames are
 * hopped over by their length; only the few that change a state are looked at. No promise, no copy, no decoding.
 */

import { PgError } from '../../base/errors.js';
import type { OidMap } from '../../catalog/oid-map.js';
import { readErrorResponse, readReadyForQuery } from '../../wire/backend.js';
import { encodeErrorResponse } from '../../wire/encode-backend.js';
import { backendType } from '../../wire/frame.js';
import type { BackendConnection, BackendSink } from './connection.js';
import type { ClientOutput } from './output.js';
import { describeAsHome, describesTypes } from './shard-oids.js';

const HEADER_BYTES = 5;
const noNames: ReadonlyMap<string, string> = new Map();

/** A ParseComplete that will come: the statement it makes known, and whether the client asked for it. */
export interface ExpectedParse {
  readonly name: string;
  readonly statement: object;
  readonly pass: boolean;
  /** Takes what the server says of the statement, which was asked right behind: NoData or RowDescription, at last. */
  readonly describe?: ((parameters: Buffer, rows: Buffer) => void) | undefined;
}

/** Whole messages, an ErrorResponse among them or not, or a message that ends in the middle: nothing can follow that. */
export type Told = 'messages' | 'error' | 'half a message';

export interface RelayListener {
  /** The answer is complete, up to its ReadyForQuery, and has been handed to the client. */
  onRelayDone(connection: BackendConnection): void;
  /** The server wants COPY data: the client's copy messages are to be written to the connection. */
  onRelayCopyIn(connection: BackendConnection): void;
  /** The connection was lost; `told` is what the client has of the answer. */
  onRelayFailed(connection: BackendConnection, error: PgError, told: Told): void;
}

/** One relay serves one session, one answer at a time. */
export class Relay implements BackendSink {
  readonly #output: ClientOutput;
  readonly #listener: RelayListener;
  #connection: BackendConnection | undefined;
  /** Answers (up to ReadyForQuery) that pgring itself asked for, before the client's. */
  #skipReady = 0;
  #expectedParses: ExpectedParse[] = [];
  /** How the server's oids differ from those that clients know; mostly they do not. */
  #oids: OidMap | undefined;
  /** Whose description comes next; not for the client. */
  #describing: NonNullable<ExpectedParse['describe']> | undefined;
  #describedParameters: Buffer | undefined;
  /** The client's names of statements that servers know by others. */
  #names: ReadonlyMap<string, string> = noNames;
  /** Bytes of the current frame that are still to come, and whether they go to the client. */
  #remaining = 0;
  #passing = true;
  #errorPassed = false;
  /** The beginning of a frame that must be seen whole. */
  #carried: Buffer | undefined;

  constructor(output: ClientOutput, listener: RelayListener) {
    this.#output = output;
    this.#listener = listener;
  }

  /** Passes on the next answer of the connection. `skipReady` answers before it are swallowed. */
  start(
    connection: BackendConnection,
    skipReady: number,
    expectedParses: ExpectedParse[],
    names: ReadonlyMap<string, string> = noNames,
  ): void {
    this.#describing = undefined;
    this.#names = names;
    this.#connection = connection;
    this.#skipReady = skipReady;
    this.#expectedParses = expectedParses;
    this.#oids = connection.oidMap();
    this.#remaining = 0;
    this.#passing = true;
    this.#errorPassed = false;
    this.#carried = undefined;
    connection.attach(this);
  }

  /** Whether the client has the beginning of a message, so that nothing but its rest may follow. */
  get isInsideMessage(): boolean {
    return this.#passing && this.#remaining > 0;
  }

  fail(error: PgError): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    this.#listener.onRelayFailed(
      connection,
      error,
      this.isInsideMessage ? 'half a message' : this.#errorPassed ? 'error' : 'messages',
    );
  }

  receive(read: Buffer): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    let chunk = read;
    if (this.#carried !== undefined) {
      chunk = Buffer.concat([this.#carried, read]);
      this.#carried = undefined;
    }
    let position = Math.min(this.#remaining, chunk.length);
    this.#remaining -= position;
    /** Bytes [from, position) are to be passed on. */
    let from = this.#passing ? 0 : position;
    let copyIn = false;
    const oids = this.#oids;
    while (position < chunk.length) {
      if (chunk.length - position < HEADER_BYTES) {
        this.#carried = Buffer.from(chunk.subarray(position));
        break;
      }
      const type = chunk[position];
      const length = chunk.readInt32BE(position + 1);
      if (length < 4) {
        connection.destroy();
        return;
      }
      const bytes = 1 + length;
      const describing = this.#describing;
      const describes = describing !== undefined && (describesTypes(type) || type === backendType.noData);
      const watched = isWatched(type) || describes || (oids !== undefined && describesTypes(type));
      if (watched && position + bytes > chunk.length) {
        this.#carried = Buffer.from(chunk.subarray(position));
        break;
      }
      const skipping = this.#skipReady > 0;
      let pass = !skipping;
      if (watched) {
        const frame = chunk.subarray(position, position + bytes);
        if (type === backendType.readyForQuery) {
          connection.noteReady(readReadyForQuery(frame));
          if (skipping) this.#skipReady -= 1;
          else {
            this.#pass(connection, chunk, this.#passing ? from : position, position + bytes);
            this.#finish(connection, chunk.subarray(position + bytes));
            return;
          }
        } else if (oids !== undefined && describesTypes(type)) {
          if (!this.#describe(connection, frame, oids)) return;
          if (describes) pass = this.#noteDescription(describing, frame);
        } else if (describes) pass = this.#noteDescription(describing, frame);
        else pass = this.#watch(connection, type, frame, skipping);
        if (pass && type === backendType.errorResponse) {
          const explained = this.#inClientsNames(connection.explain(frame));
          if (explained !== frame) {
            if (this.#passing) this.#pass(connection, chunk, from, position);
            this.#pass(connection, explained, 0, explained.length);
            this.#passing = true;
            position += bytes;
            from = position;
            continue;
          }
        }
        copyIn ||= type === backendType.copyInResponse;
      }
      if (pass !== this.#passing) {
        if (this.#passing) this.#pass(connection, chunk, from, position);
        from = position;
        this.#passing = pass;
      }
      position += bytes;
      if (position > chunk.length) {
        this.#remaining = position - chunk.length;
        position = chunk.length;
      }
    }
    if (this.#passing) this.#pass(connection, chunk, from, position);
    if (this.#remaining === 0) this.#passing = true;
    if (copyIn) this.#listener.onRelayCopyIn(connection);
  }

  /** Notes what a watched frame says. True: it goes to the client. */
  #watch(connection: BackendConnection, type: number | undefined, frame: Buffer, skipping: boolean): boolean {
    switch (type) {
      case backendType.parseComplete: {
        const expected = this.#expectedParses.shift();
        if (expected === undefined) return !skipping;
        connection.prepared.set(expected.name, expected.statement);
        this.#describing = expected.describe;
        return expected.pass;
      }
      case backendType.closeComplete:
        return false;
      case backendType.errorResponse:
        this.#expectedParses = [];
        this.#describing = undefined;
        if (connection.noteAsynchronous(frame)) return false;
        this.#errorPassed ||= !skipping;
        return !skipping;
      case backendType.parameterStatus:
        connection.noteAsynchronous(frame);
        return !skipping;
      default:
        return !skipping;
    }
  }

  /** False: nothing of it goes to the client. */
  #noteDescription(describe: NonNullable<ExpectedParse['describe']>, frame: Buffer): false {
    if (frame[0] === backendType.parameterDescription) this.#describedParameters = Buffer.from(frame);
    else {
      this.#describing = undefined;
      if (this.#describedParameters !== undefined) describe(this.#describedParameters, Buffer.from(frame));
    }
    return false;
  }

  #inClientsNames(frame: Buffer): Buffer {
    if (this.#names.size === 0) return frame;
    const error = readErrorResponse(frame);
    let { message } = error;
    for (const [name, clients] of this.#names) message = message.replaceAll(`"${name}"`, `"${clients}"`);
    return message === error.message ? frame : encodeErrorResponse(new PgError(error.sqlstate, message, error.fields));
  }

  /** Writes the oids that clients know into the chunk: until it is passed on, it is the relay's own. */
  #describe(connection: BackendConnection, frame: Buffer, oids: OidMap): boolean {
    try {
      describeAsHome(frame, oids);
      return true;
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      connection.destroy();
      return false;
    }
  }

  #pass(connection: BackendConnection, chunk: Buffer, from: number, to: number): void {
    if (to <= from) return;
    if (this.#output.write(chunk.subarray(from, to))) return;
    connection.retain();
    connection.pause();
    this.#output.onceDrained(() => {
      connection.resume();
    });
  }

  /** `rest`: what came behind ReadyForQuery (a notification, say), for whoever reads the connection next. */
  #finish(connection: BackendConnection, rest: Buffer): void {
    this.#connection = undefined;
    connection.detach();
    this.#listener.onRelayDone(connection);
    if (rest.length > 0) connection.receive(rest);
  }
}

/** Types that must be seen whole. */
function isWatched(type: number | undefined): boolean {
  switch (type) {
    case backendType.readyForQuery:
    case backendType.parseComplete:
    case backendType.closeComplete:
    case backendType.errorResponse:
    case backendType.parameterStatus:
    case backendType.copyInResponse:
      return true;
    default:
      return false;
  }
}
