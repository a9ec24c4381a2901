/** A client made of nothing but the codecs: what a server said, message by message, with nothing interpreted away. */

import { connect, type Socket } from 'node:net';
import { FrameReader, backendType } from '../../wire/frame.js';
import {
  copyDoneFrame,
  encodeBind,
  encodeCopyData,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeStartup,
  syncFrame,
  terminateFrame,
} from '../../wire/encode-frontend.js';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** The values of one execution. */
export interface Parameters {
  readonly formats: readonly number[];
  readonly values: readonly (Buffer | null)[];
  readonly resultFormats: readonly number[];
}

const noParameters: Parameters = { formats: [], values: [], resultFormats: [] };

const MAXIMUM_FRAME_BYTES = 64 * 1024 * 1024;

/** No statement of these tests takes that long, so one that does will never end. */
const ANSWER_MS = 6_000;

export class RawClient {
  readonly #socket: Socket;
  readonly #reader = new FrameReader(MAXIMUM_FRAME_BYTES);
  #wake: (() => void) | undefined;
  readonly #answerMs: number;
  #ended: string | undefined;

  private constructor(socket: Socket, answerMs: number) {
    this.#socket = socket;
    this.#answerMs = answerMs;
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(Buffer.from(chunk));
      this.#wake?.();
    });
    socket.on('error', (error) => {
      this.#ended = error.message;
    });
    socket.on('close', () => {
      this.#ended ??= 'the connection was closed';
      this.#wake?.();
    });
  }

  static async connect(address: Address, answerMs = ANSWER_MS): Promise<RawClient> {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const client = new RawClient(socket, answerMs);
    socket.write(
      encodeStartup([
        ['user', 'postgres'],
        ['database', address.database],
        ['client_encoding', 'UTF8'],
        ['application_name', 'oracle'],
      ]),
    );
    const answer = await client.#untilReady(undefined, false);
    const error = answer.find((frame) => frame[0] === backendType.errorResponse);
    if (error !== undefined) throw new Error(error.toString('latin1'));
    return client;
  }

  /** Sends a Query; `copy` is what the client sends, in messages of so many bytes, when it is asked for copy data. */
  async simple(sql: string, copy?: Buffer, messageBytes = Infinity): Promise<readonly Buffer[]> {
    this.#socket.write(encodeQuery(sql));
    return await this.#untilReady(copy, false, messageBytes);
  }

  /** Sends a Query, then copy data in messages of so many bytes, then CopyFail. */
  async failing(sql: string, copy: Buffer, messageBytes: number, reason: string): Promise<readonly Buffer[]> {
    this.#socket.write(encodeQuery(sql));
    return await this.#untilReady(copy, false, messageBytes, encodeCopyFail(reason));
  }

  /** Sends a Query and copy data, and then nothing more: the connection is gone. */
  async vanish(sql: string, copy: Buffer, messageBytes: number): Promise<void> {
    this.#socket.write(encodeQuery(sql));
    for (let frame = await this.#next(); frame[0] !== backendType.copyInResponse; frame = await this.#next());
    for (let at = 0; at < copy.length; at += messageBytes) {
      this.#socket.write(encodeCopyData(copy.subarray(at, Math.min(at + messageBytes, copy.length))));
    }
    await new Promise<void>((resolve) => {
      this.#socket.write(Buffer.alloc(0), () => {
        resolve();
      });
    });
    this.#socket.resetAndDestroy();
  }

  /** Parse, Describe, Bind, Describe, Execute and Sync in one write. */
  async extended(sql: string, copy?: Buffer): Promise<readonly Buffer[]> {
    return await this.pipeline(sql, [], [noParameters], 0, copy);
  }

  /** The same, with Bind, Describe and Execute for each of the executions, and another Execute after a row limit. */
  async pipeline(
    sql: string,
    types: readonly number[],
    executions: readonly Parameters[],
    maximumRows: number,
    copy?: Buffer,
  ): Promise<readonly Buffer[]> {
    this.#socket.write(
      Buffer.concat([
        encodeParse('', sql, types),
        encodeDescribe('statement', ''),
        ...executions.flatMap(({ formats, values, resultFormats }) => [
          encodeBind({ parameterFormats: [...formats], parameters: [...values], resultFormats: [...resultFormats] }),
          encodeDescribe('portal', ''),
          encodeExecute('', maximumRows),
          ...(maximumRows === 0 ? [] : [encodeExecute('', maximumRows + 1)]),
        ]),
        syncFrame,
      ]),
    );
    return await this.#untilReady(copy, true);
  }

  close(): void {
    this.#socket.end(terminateFrame);
    this.#socket.destroySoon();
  }

  async #untilReady(
    copy: Buffer | undefined,
    extended: boolean,
    messageBytes = Infinity,
    ending = copyDoneFrame,
  ): Promise<readonly Buffer[]> {
    const frames: Buffer[] = [];
    for (;;) {
      const frame = await this.#next();
      frames.push(frame);
      if (frame[0] === backendType.readyForQuery) return frames;
      if (frame[0] !== backendType.copyInResponse) continue;
      for (let at = 0; copy !== undefined && at < copy.length; at += messageBytes) {
        this.#socket.write(encodeCopyData(copy.subarray(at, Math.min(at + messageBytes, copy.length))));
      }
      this.#socket.write(ending);
      // The server has ignored the first Sync (protocol, "COPY Operations").
      if (extended) this.#socket.write(syncFrame);
    }
  }

  async #next(): Promise<Buffer> {
    for (;;) {
      const frame = this.#reader.next();
      if (frame !== undefined) return Buffer.from(frame);
      if (this.#ended !== undefined) throw new Error(this.#ended);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.#ended = `no answer within ${this.#answerMs} ms`;
          resolve();
        }, this.#answerMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
