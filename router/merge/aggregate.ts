/** Aggregation without GROUP BY over several shards: each gives one row of partial results, and one row comes out. */

import { assert, present, unreachable } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';
import type { Combination } from '../../planner/plan/plan.js';
import { KeyOrder, SortKey } from './compare.js';
import { Intake } from './intake.js';
import { addNumeric, encodeNumeric, formatNumeric, parseNumeric } from './numeric.js';
import type { RowRun, RowStream } from './stream.js';

/** A value's bytes; null is the SQL NULL. */
type Value = Buffer | null;

const text = 0;
const binary = 1;

/**
 * The formats (0 text, 1 binary) in which the shards' columns must be asked for, so that `aggregate` can give its
 * columns in `resultFormats`, one entry a visible column.
 */
export function combinationFormats(
  columns: readonly Combination[],
  resultFormats: readonly number[],
): readonly number[] {
  const formats = columns.map((column, index) => {
    switch (column.kind) {
      case 'count':
      case 'sum':
        return text;
      case 'bit_and':
      case 'bit_or':
        return binary;
      case 'min':
      case 'max':
      case 'bool_and':
      case 'bool_or':
        return present(resultFormats[index], 'a result format');
      default:
        return unreachable(column, 'a combination');
    }
  });
  for (const column of columns) {
    if (column.kind === 'min' || column.kind === 'max') formats[column.copy] = binary;
  }
  return formats;
}

class Aggregate implements RowStream {
  readonly #intake: Intake;
  readonly #columns: readonly Combination[];
  readonly #resultFormats: readonly number[];
  /** The row of each stream, in the streams' order. */
  readonly #rows: (readonly Value[] | undefined)[];
  readonly #open: Set<number>;
  #started = false;

  constructor(streams: readonly RowStream[], columns: readonly Combination[], resultFormats: readonly number[]) {
    assert(streams.length > 0, 'an aggregation over no shard');
    this.#intake = new Intake(streams);
    this.#columns = columns;
    this.#resultFormats = resultFormats;
    this.#rows = streams.map(() => undefined);
    this.#open = new Set(streams.keys());
  }

  async next(): Promise<RowRun | undefined> {
    if (this.#started) return undefined;
    this.#started = true;
    this.#intake.start();
    while (this.#open.size > 0) {
      const arrived = this.#collect();
      this.#intake.check();
      if (this.#intake.stopped) return undefined;
      if (!arrived) await this.#intake.changed();
    }
    const rows = this.#rows.map((row) => present(row, 'a row of each shard'));
    const values = this.#columns.map((column, index) =>
      combine(column, index, rows, present(this.#resultFormats[index], 'a result format')),
    );
    return rowOf(values);
  }

  stop(): void {
    this.#intake.stop();
  }

  /** Takes what has arrived; false when nothing had. */
  #collect(): boolean {
    let arrived = false;
    for (const index of this.#open) {
      const taken = this.#intake.take(index);
      if (taken === 'reading') continue;
      arrived = true;
      if (taken === 'ended') {
        this.#open.delete(index);
      } else if (taken.rows > 0) {
        assert(taken.rows === 1 && this.#rows[index] === undefined, 'a shard gave several rows of an aggregation');
        this.#rows[index] = valuesOf(taken);
      }
    }
    return arrived;
  }
}

/** Combines one row of each stream into one row. Formats: see `combinationFormats`. */
export function aggregate(
  streams: readonly RowStream[],
  columns: readonly Combination[],
  resultFormats: readonly number[],
): RowStream {
  return new Aggregate(streams, columns, resultFormats);
}

function valuesOf(run: RowRun): readonly Value[] {
  const { bytes, start } = run;
  let at = start + 7;
  return Array.from({ length: bytes.readInt16BE(start + 5) }, () => {
    const length = bytes.readInt32BE(at);
    const from = at + 4;
    at = from + Math.max(0, length);
    return length < 0 ? null : bytes.subarray(from, at);
  });
}

function rowOf(values: readonly Value[]): RowRun {
  const size = values.reduce((total, value) => total + 4 + (value?.length ?? 0), 7);
  const bytes = Buffer.allocUnsafe(size);
  bytes[0] = 0x44;
  bytes.writeInt32BE(size - 1, 1);
  bytes.writeInt16BE(values.length, 5);
  let at = 7;
  for (const value of values) {
    bytes.writeInt32BE(value === null ? -1 : value.length, at);
    at += 4 + (value?.copy(bytes, at + 4) ?? 0);
  }
  return { bytes, start: 0, end: size, rows: 1 };
}

/** Aggregates ignore nulls; of nothing but nulls the answer is null. */
function combine(column: Combination, index: number, rows: readonly (readonly Value[])[], format: number): Value {
  const values = rows.map((row) => row[index] ?? null).filter((value) => value !== null);
  if (values.length === 0) {
    assert(column.kind !== 'count', 'a count is null');
    return null;
  }
  switch (column.kind) {
    case 'count':
      return writeInteger(sumIntegers(values), 8, format);
    case 'sum': {
      if (column.type === 'int8') return writeInteger(sumIntegers(values), 8, format);
      const sum = values.map((value) => parseNumeric(value.toString('latin1'))).reduce(addNumeric);
      return format === binary ? encodeNumeric(sum) : Buffer.from(formatNumeric(sum), 'latin1');
    }
    case 'min':
    case 'max':
      return extreme(column, index, rows);
    case 'bool_and':
      return values.find((value) => !isTrue(value)) ?? present(values[0], 'a value');
    case 'bool_or':
      return values.find(isTrue) ?? present(values[0], 'a value');
    case 'bit_and':
      return combineBits(values, column.type, format, (left, right) => left & right);
    case 'bit_or':
      return combineBits(values, column.type, format, (left, right) => left | right);
    default:
      return unreachable(column, 'a combination');
  }
}

function sumIntegers(values: readonly Buffer[]): bigint {
  return values.reduce((total, value) => total + BigInt(value.toString('latin1')), 0n);
}

function writeInteger(value: bigint, length: number, format: number): Buffer {
  if (BigInt.asIntN(64, value) !== value) throw new PgError('22003', 'bigint out of range');
  if (format !== binary) return Buffer.from(value.toString(), 'latin1');
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes.subarray(8 - length);
}

/** A boolean in text (t, f) or binary (1, 0). */
function isTrue(value: Buffer): boolean {
  return value[0] === 0x74 || value[0] === 1;
}

const integerLengths = { int2: 2, int4: 4, int8: 8 } as const;

function combineBits(
  values: readonly Buffer[],
  type: 'int2' | 'int4' | 'int8',
  format: number,
  operate: (left: bigint, right: bigint) => bigint,
): Buffer {
  const length = integerLengths[type];
  const integers = values.map((value) => {
    assert(value.length === length, `an ${type} of ${value.length} bytes`);
    return BigInt.asIntN(8 * length, BigInt(`0x${value.toString('hex')}`));
  });
  return writeInteger(integers.reduce(operate), length, format);
}

/** The visible value of the shard whose copy is the least or the greatest; of equal ones the first shard's. */
function extreme(
  column: Extract<Combination, { readonly kind: 'min' | 'max' }>,
  index: number,
  rows: readonly (readonly Value[])[],
): Value {
  const order = new KeyOrder({
    column: column.copy,
    type: column.type,
    descending: column.kind === 'max',
    nullsFirst: false,
  });
  let best: { readonly row: readonly Value[]; readonly copy: Buffer; readonly key: SortKey } | undefined;
  for (const row of rows) {
    const copy = row[column.copy] ?? null;
    if (copy === null) continue;
    const key = new SortKey();
    order.read(new DataView(copy.buffer, copy.byteOffset, copy.length), 0, copy.length, key);
    if (best === undefined || order.compare(copy, key, best.copy, best.key) < 0) best = { row, copy, key };
  }
  return best?.row[index] ?? null;
}
