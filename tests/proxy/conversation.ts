/** Conversations by raw socket: what a client sends, and every message that comes back, made comparable. */

import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readErrorFields } from './error-fields.js';
import {
  readAuthentication,
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readNegotiateProtocolVersion,
  readParameterDescription,
  readParameterStatus,
  readRowDescription,
} from '../../wire/backend.js';
import { encodeStartup } from '../../wire/encode-frontend.js';
import { backendType, FrameReader } from '../../wire/frame.js';

const ANSWER_TIMEOUT_MS = 20_000;
const FRAME_BYTES = 64 * 1024 * 1024;

/** When a turn's answer is complete. */
export type Until =
  /** So many ReadyForQuery messages. */
  | number
  /** So many messages of these types (by their letters). */
  | { readonly types: string; readonly count: number }
  /** The server has closed the connection. */
  | 'closed';

export interface Turn {
  readonly send: readonly Buffer[];
  readonly until: Until;
}

/** How the bytes of a turn are written. */
type Writing =
  | { readonly kind: 'whole' }
  | { readonly kind: 'byte by byte' }
  /** Two writes, the first of so many bytes of all turns taken together. */
  | { readonly kind: 'cut'; readonly position: number };

export class RawClient {
  readonly #socket: Socket;
  readonly #reader = new FrameReader(FRAME_BYTES);
  readonly #frames: Buffer[] = [];
  #wake: (() => void) | undefined;
  closed = false;
  /** Bytes without frames, as the answer to SSLRequest. */
  #raw: Buffer[] | undefined;

  constructor(port: number, options: { readonly raw?: boolean } = {}) {
    this.#raw = options.raw === true ? [] : undefined;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk) => {
      if (this.#raw !== undefined) this.#raw.push(chunk);
      else {
        this.#reader.push(chunk);
        for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
          this.#frames.push(Buffer.from(frame));
        }
      }
      this.#wake?.();
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  get socket(): Socket {
    return this.#socket;
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Reads frames from here on: the answer to SSLRequest has come. */
  async readRaw(bytes: number): Promise<Buffer> {
    const raw = await this.#wait(() => {
      const all = Buffer.concat(this.#raw ?? []);
      return all.length >= bytes || this.closed ? all : undefined;
    }, 'raw bytes');
    this.#raw = undefined;
    return raw;
  }

  /** The messages up to the end of the answer. Throws when it does not come. */
  async answer(until: Until): Promise<readonly Buffer[]> {
    const complete = await this.#wait(() => {
      if (this.closed) return this.#frames.length;
      if (until === 'closed') return undefined;
      const types = typeof until === 'number' ? 'Z' : until.types;
      let left = typeof until === 'number' ? until : until.count;
      if (left === 0) return 0;
      for (const [index, frame] of this.#frames.entries()) {
        if (types.includes(String.fromCharCode(frame[0] ?? 0))) left -= 1;
        if (left === 0) return index + 1;
      }
      return undefined;
    }, JSON.stringify(until));
    return this.#frames.splice(0, complete);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #wait<T>(look: () => T | undefined, what: string): Promise<T> {
    const end = Date.now() + ANSWER_TIMEOUT_MS;
    for (;;) {
      const seen = look();
      if (seen !== undefined) return seen;
      if (Date.now() > end) {
        const had = this.#frames.map((frame) => describeMessage(frame)).join(' | ');
        throw new Error(`no complete answer (${what}) in time; had ${this.#frames.length} messages: ${had}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_TIMEOUT_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }
}

/** Connects and logs in; the messages of the log-in are left out. */
export async function logIn(
  port: number,
  database: string,
  parameters: readonly (readonly [string, string])[] = [],
): Promise<RawClient> {
  const client = new RawClient(port);
  client.write(encodeStartup([['user', 'postgres'], ['database', database], ...parameters]));
  await client.answer(1);
  return client;
}

/** Sends the turns one after another; returns all messages, comparable. */
export async function converse(client: RawClient, turns: readonly Turn[], writing: Writing): Promise<string[]> {
  const messages: string[] = [];
  let sent = 0;
  for (const turn of turns) {
    const bytes = Buffer.concat(turn.send);
    switch (writing.kind) {
      case 'whole':
        client.write(bytes);
        break;
      case 'byte by byte':
        for (let index = 0; index < bytes.length; index += 1) {
          client.write(bytes.subarray(index, index + 1));
          await nextTurn();
        }
        break;
      case 'cut': {
        const cut = Math.min(Math.max(writing.position - sent, 0), bytes.length);
        if (cut > 0) client.write(bytes.subarray(0, cut));
        if (cut > 0 && cut < bytes.length) {
          await nextTurn();
          await nextTurn();
        }
        if (cut < bytes.length) client.write(bytes.subarray(cut));
      }
    }
    sent += bytes.length;
    const answer = await client.answer(turn.until);
    messages.push(...comparable(answer), client.closed ? '(closed)' : '---');
  }
  return messages;
}

/**
 * Over several shards a parameter's value is read when the portal runs, where one server reads it when it is bound:
 * the error is the same, but BindComplete comes before it.
 */
const lateParameterError = /^E C=(?:22P02|22P03|08P01) /;

/** The messages as text; ParameterStatus, which may come at any time, right before ReadyForQuery. */
export function comparable(frames: readonly Buffer[]): string[] {
  const lines: string[] = [];
  let statuses: string[] = [];
  for (const frame of frames) {
    if (frame[0] === backendType.parameterStatus) {
      statuses.push(describeMessage(frame));
      continue;
    }
    if (frame[0] === backendType.readyForQuery) {
      lines.push(...statuses.sort());
      statuses = [];
    }
    const line = describeMessage(frame);
    if (lateParameterError.test(line) && lines.at(-1)?.startsWith('2 ') === true) lines.pop();
    lines.push(line);
  }
  return [...lines, ...statuses.sort()];
}

/** A message for comparison: without what differs between any two servers (oids of tables, keys, source lines). */
function describeMessage(frame: Buffer): string {
  const type = String.fromCharCode(frame[0] ?? 0);
  switch (frame[0]) {
    case backendType.authentication:
      return `${type} ${readAuthentication(frame).kind}`;
    case backendType.backendKeyData:
      return `${type} ${frame.length - 9} bytes`;
    case backendType.parameterStatus: {
      const { name, value } = readParameterStatus(frame);
      return `${type} ${name}=${value}`;
    }
    case backendType.rowDescription:
      return `${type} ${readRowDescription(frame)
        .map(
          (field) =>
            `${field.name}/${field.tableOid === 0 ? 'no table' : 'table'}.${field.columnNumber}:${field.typeOid}` +
            `(${field.typeSize},${field.typeModifier})f${field.format}`,
        )
        .join(' ')}`;
    case backendType.dataRow:
      return `${type} ${readDataRow(frame)
        .map((value) => (value === null ? 'NULL' : JSON.stringify(value.toString('latin1'))))
        .join(' ')}`;
    case backendType.commandComplete:
      return `${type} ${readCommandComplete(frame)}`;
    case backendType.parameterDescription:
      return `${type} ${readParameterDescription(frame).join(' ')}`;
    case backendType.copyInResponse:
    case backendType.copyOutResponse:
      return `${type} ${JSON.stringify(readCopyResponse(frame))}`;
    case backendType.negotiateProtocolVersion:
      return `${type} ${JSON.stringify(readNegotiateProtocolVersion(frame))}`;
    case backendType.errorResponse:
    case backendType.noticeResponse:
      return `${type} ${readErrorFields(frame)}`;
    default:
      return `${type} ${JSON.stringify(frame.toString('latin1', 5))}`;
  }
}
