/**
 * Merges ordered streams into one. The streams' first rows stand in an array in order; the foremost is copied out, and
 * its successor is put where it belongs. While one stream keeps winning that costs one comparison a row, and rows are
 * copied out together.
 */

import { present } from '../../base/assert.js';
import type { OrderKey } from '../../planner/plan/plan.js';
import { KeyOrder, SortKey } from './compare.js';
import { copyBytes } from './copy-bytes.js';
import { Intake } from './intake.js';
import { yieldToLoop, type RowRun, type RowsOfMany, type RowStream } from './stream.js';

const outputBytes = 64 * 1024;
/** A frame's tag and length and the row's column count. */
const rowHeaderBytes = 7;
const noBytes = Buffer.alloc(0);

/** One stream at its next row. */
class Source {
  readonly index: number;
  readonly keys: readonly SortKey[];
  readonly first: SortKey;
  bytes: Buffer = noBytes;
  view: DataView = new DataView(noBytes.buffer);
  /** Where the row begins, where its visible part and its whole end, where the run ends. */
  row = 0;
  visibleEnd = 0;
  rowEnd = 0;
  runEnd = 0;
  rowsLeft = 0;

  constructor(index: number, keyCount: number) {
    this.index = index;
    this.keys = Array.from({ length: keyCount }, () => new SortKey());
    this.first = this.keys[0] ?? new SortKey();
  }

  open(run: RowRun): void {
    this.bytes = run.bytes;
    this.view = new DataView(run.bytes.buffer, run.bytes.byteOffset, run.bytes.byteLength);
    this.row = run.start;
    this.runEnd = run.end;
    this.rowsLeft = run.rows;
  }
}

class Merge implements RowsOfMany {
  last: number | undefined;
  readonly #intake: Intake;
  readonly #orders: readonly KeyOrder[];
  readonly #firstOrder: KeyOrder | undefined;
  /** For each column of a row up to the last that is looked at: which key it is, or -1. */
  readonly #keyOfColumn: readonly number[];
  readonly #hidden: number;
  readonly #ahead: boolean;
  /** Sources at a row, in order. */
  readonly #heads: Source[] = [];
  /** Sources whose next run has not arrived. */
  readonly #hungry: Source[];
  #output = noBytes;
  #outputStart = 0;
  #outputEnd = 0;
  #outputRows = 0;
  #started = false;

  constructor(streams: readonly RowStream[], order: readonly OrderKey[], hidden: number, ahead: boolean) {
    // A column that is there twice decides nothing the second time.
    const distinct = order.filter((key, index) => order.findIndex((other) => other.column === key.column) === index);
    this.#orders = distinct.map((key) => new KeyOrder(key));
    this.#firstOrder = this.#orders[0];
    const width = Math.max(0, ...distinct.map((key) => key.column + 1));
    this.#keyOfColumn = Array.from({ length: width }, (_, column) =>
      distinct.findIndex((key) => key.column === column),
    );
    this.#hidden = hidden;
    this.#ahead = ahead;
    this.#intake = new Intake(streams, { ahead });
    this.#hungry = streams.map((_, index) => new Source(index, distinct.length));
  }

  async next(): Promise<RowRun | undefined> {
    if (this.#started) {
      // Each run is one slice of at most 64 KB; without this, streams that are always ready would starve all else.
      await yieldToLoop();
    } else {
      this.#started = true;
      this.#intake.start();
    }
    for (;;) {
      this.#intake.check();
      if (this.#intake.stopped) return undefined;
      if (this.#feed()) {
        const run = this.#advance();
        if (run !== undefined) return run;
        if (this.#hungry.length === 0) return undefined;
      } else {
        await this.#intake.changed();
      }
    }
  }

  stop(): void {
    this.#intake.stop();
  }

  /** Gives hungry sources what has arrived. False while any still waits: the order is not known without it. */
  #feed(): boolean {
    const hungry = this.#hungry;
    for (let place = hungry.length - 1; place >= 0; place--) {
      const source = present(hungry[place], 'a hungry source');
      const taken = this.#intake.take(source.index);
      if (taken === 'reading' || (taken !== 'ended' && taken.rows === 0)) continue;
      hungry.splice(place, 1);
      if (taken === 'ended') continue;
      source.open(taken);
      this.#load(source);
      this.#insert(source, 0);
    }
    return hungry.length === 0;
  }

  /** Copies rows until the output is full or a source has none left; then the run, if it has rows. */
  #advance(): RowRun | undefined {
    for (;;) {
      const source = this.#heads[0];
      if (source === undefined) return this.#flush();
      const rival = this.#heads[1];
      if (rival === undefined && this.#hidden === 0) return this.#flush() ?? this.#passRest(source);
      if (!this.#copyRows(source, rival)) return this.#flush() ?? this.#passRow(source);
      this.#heads.shift();
      if (source.row < source.runEnd) {
        this.#insert(source, 0);
        continue;
      }
      this.#hungry.push(source);
      // What is there goes out first: to read on may do more than the rows that are wanted (take locks).
      if (!this.#ahead && this.#outputRows > 0) return this.#flush();
      if (!this.#feed()) return this.#flush();
    }
  }

  /** Copies rows of the foremost source while it stays so. False when the next one does not fit. */
  #copyRows(source: Source, rival: Source | undefined): boolean {
    if (this.#output.length - this.#outputEnd < Math.min(outputBytes, source.visibleEnd - source.row)) {
      if (this.#outputRows > 0 || source.visibleEnd - source.row > outputBytes) return false;
      this.#output = Buffer.allocUnsafeSlow(outputBytes);
      this.#outputStart = 0;
      this.#outputEnd = 0;
    }
    const room = this.#output.length - this.#outputEnd;
    const from = source.row;
    let copied = 0;
    let rows = 0;
    do {
      const size = source.visibleEnd - source.row;
      if (copied + size > room) break;
      if (this.#hidden > 0) this.#copyVisible(source, this.#outputEnd + copied, size);
      copied += size;
      rows++;
      source.row = source.rowEnd;
      if (source.row >= source.runEnd) break;
      this.#load(source);
    } while (this.#leads(source, rival));
    if (rows > 0) this.last = source.index;
    if (this.#hidden === 0) copyBytes(source.bytes, from, from + copied, this.#output, this.#outputEnd);
    source.rowsLeft -= rows;
    this.#outputEnd += copied;
    this.#outputRows += rows;
    return rows > 0;
  }

  #copyVisible(source: Source, at: number, size: number): void {
    const output = this.#output;
    output[at] = 0x44;
    output.writeInt32BE(size - 1, at + 1);
    output.writeInt16BE(source.view.getInt16(source.row + 5) - this.#hidden, at + 5);
    copyBytes(source.bytes, source.row + rowHeaderBytes, source.visibleEnd, output, at + rowHeaderBytes);
  }

  /** The rest of the only source's run, as it is. */
  #passRest(source: Source): RowRun {
    const run = { bytes: source.bytes, start: source.row, end: source.runEnd, rows: source.rowsLeft };
    this.last = source.index;
    this.#heads.shift();
    this.#hungry.push(source);
    return run;
  }

  /** A row larger than an output buffer, cut in place: its bytes are ours. */
  #passRow(source: Source): RowRun {
    const { bytes, row, visibleEnd } = source;
    this.last = source.index;
    bytes.writeInt32BE(visibleEnd - row - 1, row + 1);
    bytes.writeInt16BE(source.view.getInt16(row + 5) - this.#hidden, row + 5);
    source.row = source.rowEnd;
    source.rowsLeft--;
    this.#heads.shift();
    if (source.row < source.runEnd) {
      this.#load(source);
      this.#insert(source, 0);
    } else {
      this.#hungry.push(source);
    }
    return { bytes, start: row, end: visibleEnd, rows: 1 };
  }

  /** What the output holds, as a run. The rest of the buffer goes on to be filled. */
  #flush(): RowRun | undefined {
    if (this.#outputRows === 0) return undefined;
    const run = { bytes: this.#output, start: this.#outputStart, end: this.#outputEnd, rows: this.#outputRows };
    this.#outputStart = this.#outputEnd;
    this.#outputRows = 0;
    return run;
  }

  /** Reads the keys and the extent of the row that a source stands at. */
  #load(source: Source): void {
    const { view, row } = source;
    source.rowEnd = row + 1 + view.getInt32(row + 1);
    const visible = this.#hidden === 0 ? 0 : view.getInt16(row + 5) - this.#hidden;
    const keyOfColumn = this.#keyOfColumn;
    const width = Math.max(visible, keyOfColumn.length);
    let at = row + rowHeaderBytes;
    let visibleEnd = this.#hidden === 0 ? source.rowEnd : at;
    for (let column = 0; column < width; column++) {
      const length = view.getInt32(at);
      at += 4;
      const key = column < keyOfColumn.length ? (keyOfColumn[column] ?? -1) : -1;
      if (key === 0) this.#firstOrder?.read(view, at, length, source.first);
      else if (key > 0) this.#orders[key]?.read(view, at, length, present(source.keys[key], 'a key'));
      if (length > 0) at += length;
      if (column + 1 === visible) visibleEnd = at;
    }
    source.visibleEnd = visibleEnd;
  }

  #leads(source: Source, rival: Source | undefined): boolean {
    return rival === undefined || this.#precedes(source, rival);
  }

  /** Whether a's row comes before b's. Of equal rows the earlier stream's comes first. */
  #precedes(a: Source, b: Source): boolean {
    const left = a.first;
    const right = b.first;
    if (left.high !== right.high) return left.high < right.high;
    if (left.low !== right.low) return left.low < right.low;
    return this.#precedesOnTie(a, b);
  }

  #precedesOnTie(a: Source, b: Source): boolean {
    for (const [index, order] of this.#orders.entries()) {
      const left = present(a.keys[index], 'a key');
      const right = present(b.keys[index], 'a key');
      const compared = order.compare(a.bytes, left, b.bytes, right);
      if (compared !== 0) return compared < 0;
    }
    return a.index < b.index;
  }

  /** Puts a source into the ordered heads, none of which before `low` comes after it. */
  #insert(source: Source, from: number): void {
    const heads = this.#heads;
    let low = from;
    let high = heads.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#precedes(source, present(heads[middle], 'a head'))) high = middle;
      else low = middle + 1;
    }
    heads.push(source);
    for (let place = heads.length - 1; place > low; place--) heads[place] = present(heads[place - 1], 'a head');
    heads[low] = source;
  }
}

/**
 * Merges streams that are each in `order` into one stream in that order, without the last `hidden` columns of their
 * rows. Order columns must arrive in binary format. `ahead` as in IntakeOptions.
 */
export function merge(
  streams: readonly RowStream[],
  order: readonly OrderKey[],
  hidden: number,
  ahead = true,
): RowsOfMany {
  return new Merge(streams, order, hidden, ahead);
}
