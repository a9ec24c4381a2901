/**
 * A client that reads as slowly as it is told, looks at every row, and keeps none. It speaks the protocol itself:
 * drivers read as fast as they can.
 */

import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { serialize } from 'pg-protocol';
import { backendType, frameHeaderBytes } from '../../wire/frame.js';

export type Protocol = 'simple' | 'extended';

export interface StreamResult {
  readonly rows: number;
  readonly bytes: number;
  /** Every row's first column was not below that of the row before. */
  readonly ordered: boolean;
  readonly seconds: number;
}

export interface StreamRequest {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly protocol: Protocol;
  readonly sql: string;
  /** Extended only: Execute asks for so many rows, then the portal is closed; 0 asks for all. */
  readonly rowLimit: number;
  /** Undefined: as fast as it can. */
  readonly bytesPerSecond: number | undefined;
}

const CHUNK_MS = 10;

export async function readStream(request: StreamRequest): Promise<StreamResult> {
  const socket = connect(request.port, request.host);
  await once(socket, 'connect');
  try {
    const reader = new RowReader(socket, request.bytesPerSecond);
    socket.write(serialize.startup({ user: 'postgres', database: request.database }));
    await reader.untilReady();
    const start = performance.now();
    for (const message of messagesFor(request)) socket.write(message);
    await reader.untilReady();
    const { rows, bytes, ordered } = reader;
    return { rows, bytes, ordered, seconds: (performance.now() - start) / 1000 };
  } finally {
    socket.destroy();
  }
}

function messagesFor({ protocol, sql, rowLimit }: StreamRequest): readonly Buffer[] {
  if (protocol === 'simple') return [serialize.query(sql)];
  return [
    serialize.parse({ text: sql }),
    serialize.bind({}),
    serialize.execute({ portal: '', rows: rowLimit }),
    serialize.sync(),
  ];
}

/** Steps through the frames as they come. */
class RowReader {
  rows = 0;
  bytes = 0;
  ordered = true;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #bytesPerSecond: number | undefined;
  readonly #started = performance.now();
  #rest: Buffer = Buffer.alloc(0);
  #last = Number.NEGATIVE_INFINITY;

  constructor(socket: Socket, bytesPerSecond: number | undefined) {
    this.#chunks = socket[Symbol.asyncIterator]();
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Reads up to ReadyForQuery. */
  async untilReady(): Promise<void> {
    for (;;) {
      if (this.#takeFrames()) return;
      const next: IteratorResult<Buffer, unknown> = await this.#chunks.next();
      if (next.done === true) throw new Error('pgring closed the connection');
      this.bytes += next.value.length;
      this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
      if (this.#bytesPerSecond !== undefined) await this.#slowDown(this.#bytesPerSecond);
    }
  }

  async #slowDown(bytesPerSecond: number): Promise<void> {
    const due = this.#started + (this.bytes / bytesPerSecond) * 1000;
    const early = due - performance.now();
    if (early > CHUNK_MS) await sleep(early);
  }

  /** True at ReadyForQuery. */
  #takeFrames(): boolean {
    const bytes = this.#rest;
    let position = 0;
    while (position + frameHeaderBytes <= bytes.length) {
      const end = position + 1 + bytes.readInt32BE(position + 1);
      if (end > bytes.length) break;
      const type = bytes[position];
      if (type === backendType.dataRow) this.#row(bytes, position);
      if (type === backendType.errorResponse) throw new Error(bytes.toString('utf8', position + 5, end));
      position = end;
      if (type === backendType.readyForQuery) {
        this.#rest = bytes.subarray(position);
        return true;
      }
    }
    this.#rest = bytes.subarray(position);
    return false;
  }

  /** The first column is an integer as text; its digits are read in place. */
  #row(bytes: Buffer, frame: number): void {
    this.rows += 1;
    const length = bytes.readInt32BE(frame + 7);
    let value = 0;
    for (let at = frame + 11; at < frame + 11 + length; at += 1) value = value * 10 + ((bytes[at] ?? 48) - 48);
    if (value < this.#last) this.ordered = false;
    this.#last = value;
  }
}
