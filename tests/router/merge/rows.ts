/** Rows for the tests of streams: made from values, cut into runs anywhere, and read back. */

import { frameEnd, type RowRun, type RowStream } from '../../../router/merge/stream.js';

export type Value = Buffer | null;
export type Row = readonly Value[];

/** One DataRow frame. */
function dataRow(row: Row): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.alloc(7);
  head.write('D');
  head.writeInt16BE(row.length, 5);
  parts.push(head);
  for (const value of row) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    parts.push(length);
    if (value !== null) parts.push(value);
  }
  const frame = Buffer.concat(parts);
  frame.writeInt32BE(frame.length - 1, 1);
  return frame;
}

export function runOf(rows: readonly Row[]): RowRun {
  const frames = Buffer.concat(rows.map(dataRow));
  // Not at the buffer's beginning, as in a read buffer.
  const bytes = Buffer.concat([Buffer.from('..'), frames, Buffer.from('...')]);
  return { bytes, start: 2, end: 2 + frames.length, rows: rows.length };
}

export function readRows(run: RowRun): Row[] {
  const rows: Row[] = [];
  let at = run.start;
  while (at < run.end) {
    const end = frameEnd(run.bytes, at);
    expect(run.bytes[at]).toBe(0x44);
    const columns = run.bytes.readInt16BE(at + 5);
    const row: Value[] = [];
    let position = at + 7;
    for (let column = 0; column < columns; column++) {
      const length = run.bytes.readInt32BE(position);
      position += 4;
      row.push(length < 0 ? null : Buffer.from(run.bytes.subarray(position, position + length)));
      position += Math.max(0, length);
    }
    expect(position).toBe(end);
    rows.push(row);
    at = end;
  }
  expect(at).toBe(run.end);
  expect(rows.length).toBe(run.rows);
  return rows;
}

/** Rows as text that is quick to compare. */
export function printRows(rows: readonly Row[]): string[] {
  return rows.map((row) => row.map((value) => value?.toString('latin1') ?? '\\N').join('\t'));
}

export async function readAll(stream: RowStream): Promise<Row[]> {
  const rows: Row[] = [];
  for (let run = await stream.next(); run !== undefined; run = await stream.next()) rows.push(...readRows(run));
  return rows;
}

/** A stream of given runs, each delivered after as many turns of the event loop as `delays` says, then the end or an error. */
export class GivenRows implements RowStream {
  readonly #runs: RowRun[];
  readonly #delays: readonly number[];
  readonly #failure: Error | undefined;
  calls = 0;
  stops = 0;
  ended = false;

  constructor(runs: readonly RowRun[], delays: readonly number[] = [], failure?: Error) {
    this.#runs = [...runs];
    this.#delays = delays;
    this.#failure = failure;
  }

  async next(): Promise<RowRun | undefined> {
    expect(this.ended).toBe(false);
    const delay = this.#delays[this.calls++ % Math.max(1, this.#delays.length)] ?? 0;
    for (let turn = 0; turn < delay; turn++) await new Promise((resolve) => setImmediate(resolve));
    const run = this.#runs.shift();
    if (run === undefined) {
      this.ended = true;
      if (this.#failure !== undefined) throw this.#failure;
    }
    return run;
  }

  stop(): void {
    this.stops++;
  }
}

/** Cuts rows into runs of the given sizes, over and over. */
export function cutIntoRuns(rows: readonly Row[], sizes: readonly number[]): RowRun[] {
  const runs: RowRun[] = [];
  let at = 0;
  while (at < rows.length) {
    const size = sizes[runs.length % sizes.length] ?? 1;
    runs.push(runOf(rows.slice(at, at + size)));
    at += size;
  }
  return runs;
}

export function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A stream that never delivers, until it is stopped. */
export class SilentRows implements RowStream {
  stops = 0;
  next(): Promise<RowRun | undefined> {
    return new Promise(() => undefined);
  }
  stop(): void {
    this.stops++;
  }
}
