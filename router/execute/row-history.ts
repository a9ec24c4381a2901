/** The rows that a cursor has passed, by their numbers: the newest in memory, older ones put away or forgotten. */

import { present } from '../../base/assert.js';
import { frameEnd } from '../merge/stream.js';
import type { RowRun } from '../backend/row-run.js';

const BLOCK_BYTES = 64 * 1024;
const MEMORY_BYTES = 4 * 1024 * 1024;

/** Where blocks of rows go when there are too many for memory. */
export interface BlockStore {
  put(block: number, bytes: Buffer): Promise<void>;
  get(block: number): Promise<Buffer>;
}

interface Block {
  /** The index of its first row. */
  readonly first: number;
  /** Where its rows are, while they are in memory. */
  rows: { readonly bytes: Buffer; readonly starts: number[]; end: number } | undefined;
}

type Rows = NonNullable<Block['rows']>;

export class RowHistory {
  /** Undefined: what does not fit into memory is forgotten. */
  #store: BlockStore | undefined;
  readonly #blocks: Block[] = [];
  #count: number;
  /** The first block that has its bytes in memory. */
  #inMemory = 0;
  #memoryBytes = 0;
  /** So many blocks were not kept. */
  #forgotten = 0;
  #loaded: { readonly block: number; readonly rows: Rows } | undefined;

  /** The first row that is appended has the index `first`. */
  constructor(first: number, store: BlockStore | undefined) {
    this.#count = first;
    this.#store = store;
  }

  /** From now on nothing more is forgotten. */
  keepAll(store: BlockStore): void {
    this.#store ??= store;
  }

  /** The index of the row that is appended next. */
  get count(): number {
    return this.#count;
  }

  async append(run: RowRun): Promise<void> {
    let row = run.start;
    for (let left = run.rows; left > 0; left--) {
      const end = frameEnd(run.bytes, row);
      const rows = this.#roomFor(end - row);
      rows.starts.push(rows.end);
      run.bytes.copy(rows.bytes, rows.end, row, end);
      rows.end += end - row;
      this.#count += 1;
      row = end;
    }
    while (this.#memoryBytes > MEMORY_BYTES && this.#inMemory < this.#blocks.length - 1) await this.#putAway();
  }

  /** Rows that follow each other, from an index on, at most so many; undefined when they are forgotten or not there. */
  async read(index: number, rows: number): Promise<RowRun | undefined> {
    const number = this.#blockOf(index);
    const block = this.#blocks[number];
    if (block === undefined) return undefined;
    const known = block.rows ?? (await this.#load(number));
    if (known === undefined) return undefined;
    const { bytes, starts, end } = known;
    const place = index - block.first;
    const taken = Math.min(rows, starts.length - place);
    const start = starts[place];
    return start === undefined ? undefined : { bytes, start, end: starts[place + taken] ?? end, rows: taken };
  }

  #roomFor(rowBytes: number): Rows {
    const last = this.#blocks.at(-1)?.rows;
    if (last !== undefined && last.bytes.length - last.end >= rowBytes) return last;
    const bytes = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, rowBytes));
    this.#memoryBytes += bytes.length;
    const rows: Rows = { bytes, starts: [], end: 0 };
    this.#blocks.push({ first: this.#count, rows });
    return rows;
  }

  async #putAway(): Promise<void> {
    const block = present(this.#blocks[this.#inMemory], 'a block in memory');
    const { bytes, end } = present(block.rows, 'the rows of a block in memory');
    await this.#store?.put(this.#inMemory, bytes.subarray(0, end));
    if (this.#store === undefined) this.#forgotten = this.#inMemory + 1;
    block.rows = undefined;
    this.#memoryBytes -= bytes.length;
    this.#inMemory += 1;
  }

  async #load(block: number): Promise<Rows | undefined> {
    if (this.#store === undefined || block < this.#forgotten) return undefined;
    if (this.#loaded?.block !== block) {
      const bytes = await this.#store.get(block);
      const starts: number[] = [];
      for (let row = 0; row < bytes.length; row = frameEnd(bytes, row)) starts.push(row);
      this.#loaded = { block, rows: { bytes, starts, end: bytes.length } };
    }
    return this.#loaded.rows;
  }

  /** The number of the block that has a row. */
  #blockOf(index: number): number {
    if (index >= this.#count) return -1;
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.first ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
