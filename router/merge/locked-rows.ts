/**
 * Rows of several shards that are locked as they are read, up to a limit: no more of them than one server would lock. An
 * unordered answer is read shard after shard. For an ordered one the same query without locks tells which shard has the
 * next row, and only there a row is locked.
 */

import { assert, present } from '../../base/assert.js';
import type { OrderKey } from '../../planner/plan/plan.js';
import { readDataRow } from '../../wire/backend.js';
import { encodeDataRow } from '../../wire/encode-backend.js';
import { KeyOrder, SortKey } from './compare.js';
import { frameEnd, type RowRun, type RowsOfMany, type RowStream } from './stream.js';

/** Rows that are locked by one message. */
const BATCH_ROWS = 1_000;

/** A shard's rows, locked in batches. */
export interface LockingRows extends RowStream {
  /** How many rows the next batch has. */
  fixBatch(rows: number): void;
  /** Runs a transaction command where the rows come from. */
  command(sql: string): Promise<void>;
}

class LockedSequence implements RowsOfMany {
  last: number | undefined;
  readonly #shards: readonly LockingRows[];
  #left: number;
  #current = 0;

  constructor(shards: readonly LockingRows[], wanted: number) {
    this.#shards = shards;
    this.#left = wanted;
  }

  async next(): Promise<RowRun | undefined> {
    while (this.#left > 0) {
      const shard = this.#shards[this.#current];
      if (shard === undefined) return undefined;
      shard.fixBatch(Math.min(this.#left, BATCH_ROWS));
      const run = await shard.next();
      if (run !== undefined) {
        this.last = this.#current;
        this.#left -= run.rows;
        return run;
      }
      this.#current += 1;
    }
    return undefined;
  }

  stop(): void {
    this.#left = 0;
    for (const shard of this.#shards) shard.stop();
  }
}

/** Reads one shard after the other, until so many rows are there. */
export function lockInSequence(shards: readonly LockingRows[], wanted: number): RowsOfMany {
  return new LockedSequence(shards, wanted);
}

/** One row, with its keys. */
interface KeyedRow {
  readonly values: readonly (Buffer | null)[];
  readonly keys: readonly { readonly key: SortKey; readonly bytes: Buffer }[];
}

/** What is known of a shard's next row. */
type Head =
  /** It does not come before this one, which is not locked; undefined: before nothing is known. */
  | { readonly kind: 'bound'; readonly row: KeyedRow }
  | { readonly kind: 'locked'; readonly row: KeyedRow }
  | { readonly kind: 'ended' };

const ended: Head = { kind: 'ended' };
const nothing = Buffer.alloc(0);
const SAVEPOINT = 'pgring_lock';

class LockedMerge implements RowsOfMany {
  last: number | undefined;
  readonly #locking: readonly LockingRows[];
  readonly #looking: readonly RowReader[];
  readonly #orders: readonly KeyOrder[];
  readonly #hidden: number;
  readonly #saves: boolean;
  /** Shards with a savepoint before the row that was locked last. */
  readonly #saved = new Set<number>();
  #heads: Head[] | undefined;
  #stopped = false;

  constructor(
    locking: readonly LockingRows[],
    looking: readonly RowStream[],
    { order, hidden }: { readonly order: readonly OrderKey[]; readonly hidden: number },
    saves: boolean,
  ) {
    this.#locking = locking;
    this.#looking = looking.map((stream) => new RowReader(stream));
    this.#orders = order.map((key) => new KeyOrder(key));
    this.#hidden = hidden;
    this.#saves = saves;
  }

  async next(): Promise<RowRun | undefined> {
    const heads = (this.#heads ??= await Promise.all(this.#looking.map(async (_, index) => await this.#look(index))));
    while (!this.#stopped) {
      const index = this.#foremost(heads);
      const head = heads[index] ?? ended;
      if (head.kind === 'ended') return undefined;
      if (head.kind === 'bound') {
        heads[index] = await this.#lock(index);
        continue;
      }
      heads[index] = await this.#look(index, head.row);
      this.last = index;
      const bytes = encodeDataRow(head.row.values.slice(0, head.row.values.length - this.#hidden));
      return { bytes, start: 0, end: bytes.length, rows: 1 };
    }
    return undefined;
  }

  stop(): void {
    this.#stopped = true;
    for (const rows of this.#locking) rows.stop();
    for (const rows of this.#looking) rows.stop();
  }

  /** Unlocks what was locked and is not among the rows that were wanted. */
  async end(): Promise<void> {
    const release = `RELEASE SAVEPOINT ${SAVEPOINT}`;
    await Promise.all(
      [...this.#saved].map(async (index) => {
        const surplus = this.#heads?.[index]?.kind === 'locked';
        const commands = surplus ? [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, release] : [release];
        await present(this.#locking[index], 'a shard').command(commands.join(';'));
      }),
    );
    this.#saved.clear();
  }

  /** The shard that the next row is looked for on. Of equal rows one that is locked already comes first. */
  #foremost(heads: readonly Head[]): number {
    let best = -1;
    for (const [index, head] of heads.entries()) {
      if (head.kind === 'ended') continue;
      const other = heads[best];
      if (other === undefined || other.kind === 'ended') {
        best = index;
        continue;
      }
      const compared = this.#compare(head.row, other.row);
      if (compared < 0 || (compared === 0 && head.kind === 'locked' && other.kind === 'bound')) best = index;
    }
    return best;
  }

  /** Locks the shard's next row. */
  async #lock(index: number): Promise<Head> {
    const rows = present(this.#locking[index], 'a shard');
    if (this.#saves) {
      const release = this.#saved.has(index) ? `RELEASE SAVEPOINT ${SAVEPOINT};` : '';
      await rows.command(`${release}SAVEPOINT ${SAVEPOINT}`);
      this.#saved.add(index);
    }
    rows.fixBatch(1);
    const run = await rows.next();
    return run === undefined ? ended : { kind: 'locked', row: this.#keyed(readDataRow(run.bytes, run.start)) };
  }

  /** What comes after a row that was locked: behind all rows before it, and itself. */
  async #look(index: number, after?: KeyedRow): Promise<Head> {
    const reader = present(this.#looking[index], 'a shard');
    for (;;) {
      const values = await reader.peek();
      if (values === undefined) return after === undefined ? ended : { kind: 'bound', row: after };
      const row = this.#keyed(values);
      const compared = after === undefined ? 1 : this.#compare(row, after);
      if (compared > 0) return { kind: 'bound', row };
      reader.take();
      // One row is the locked one; others may be equal to it.
      if (compared === 0) {
        const next = await reader.peek();
        return { kind: 'bound', row: next === undefined ? row : this.#keyed(next) };
      }
    }
  }

  #keyed(values: readonly (Buffer | null)[]): KeyedRow {
    const own = values.map((value) => (value === null ? null : Buffer.from(value)));
    const keys = this.#orders.map((order) => {
      const bytes = own[order.column] ?? nothing;
      const key = new SortKey();
      const length = own[order.column] === null ? -1 : bytes.length;
      order.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, length, key);
      return { key, bytes };
    });
    return { values: own, keys };
  }

  #compare(left: KeyedRow, right: KeyedRow): number {
    for (const [index, order] of this.#orders.entries()) {
      const a = present(left.keys[index], 'a key');
      const b = present(right.keys[index], 'a key');
      const compared = order.compare(a.bytes, a.key, b.bytes, b.key);
      if (compared !== 0) return compared;
    }
    return 0;
  }
}

/** Rows one by one. */
class RowReader {
  readonly #stream: RowStream;
  #run: RowRun | undefined;
  #position = 0;

  constructor(stream: RowStream) {
    this.#stream = stream;
  }

  async peek(): Promise<readonly (Buffer | null)[] | undefined> {
    while (this.#run === undefined || this.#position >= this.#run.end) {
      this.#run = await this.#stream.next();
      if (this.#run === undefined) return undefined;
      this.#position = this.#run.start;
    }
    return readDataRow(this.#run.bytes, this.#position);
  }

  take(): void {
    assert(this.#run !== undefined, 'a row that was not looked at');
    this.#position = frameEnd(this.#run.bytes, this.#position);
  }

  stop(): void {
    this.#stream.stop();
  }
}

/** What is read of rows in order, of which as few as possible are locked. */
interface LockedInOrder extends RowsOfMany {
  end(): Promise<void>;
}

/**
 * Rows in the order of all shards. `looking`: the same rows without locks, with the same columns. `saves`: rows that
 * others hold are skipped, so that a row may be locked that is not the next one; it is unlocked at the end. That takes
 * savepoints, which must not meet those of the client.
 */
export function lockInOrder(
  locking: readonly LockingRows[],
  looking: readonly RowStream[],
  gather: { readonly order: readonly OrderKey[]; readonly hidden: number },
  saves: boolean,
): LockedInOrder {
  return new LockedMerge(locking, looking, gather, saves);
}
