/** Snapshots that disagree are found in every order of events, and those that a transaction keeps only where they do. */

import fc from 'fast-check';
import { formatGlobalId } from '../../../router/transaction/global-id.js';
import {
  findTorn,
  openQuestions,
  parseSnapshot,
  type ServerSnapshot,
  type ShardView,
} from '../../../router/transaction/snapshot-cut.js';

const SHARDS = [1, 2, 3];

/** One shard's part of a transaction: `running` until it is prepared. */
type Part = 'running' | 'prepared' | 'committed';

interface Transaction {
  readonly globalId: string;
  readonly parts: Map<number, { readonly xid: bigint; state: Part }>;
}

/** Servers that take snapshots as PostgreSQL does. */
class Servers {
  readonly #next = new Map(SHARDS.map((shard) => [shard, 10n]));
  readonly transactions: Transaction[] = [];

  begin(shards: readonly number[]): void {
    const globalId = formatGlobalId(this.transactions.length.toString(16).padStart(24, '0'), shards);
    this.transactions.push({ globalId, parts: new Map() });
    // Its transactions on the shards begin one after the other, among those of others.
    for (const shard of shards) {
      const xid = this.#next.get(shard) ?? 0n;
      this.#next.set(shard, xid + 1n);
      this.transactions.at(-1)?.parts.set(shard, { xid, state: 'running' });
    }
  }

  /** The next step of one part; a part commits when all are prepared. */
  step(transaction: number, part: number): void {
    const parts = [...(this.transactions[transaction % this.transactions.length]?.parts.values() ?? [])];
    const chosen = parts[part % parts.length];
    if (chosen?.state === 'running') chosen.state = 'prepared';
    else if (chosen?.state === 'prepared' && parts.every(({ state }) => state !== 'running'))
      chosen.state = 'committed';
  }

  snapshot(shard: number): ServerSnapshot {
    const maximum = this.#next.get(shard) ?? 0n;
    const running = this.#partsOn(shard).flatMap(({ xid, state }) => (state === 'committed' ? [] : [xid]));
    const minimum = running.reduce((least, xid) => (xid < least ? xid : least), maximum);
    return parseSnapshot(`${minimum}:${maximum}:${running.join()}`);
  }

  /** Names of those in a state now, with their ids. */
  inState(shard: number, wanted: Part): ReadonlyMap<string, bigint> {
    return new Map(
      this.transactions.flatMap(({ globalId, parts }) => {
        const part = parts.get(shard);
        return part?.state === wanted ? [[globalId, part.xid] as const] : [];
      }),
    );
  }

  #partsOn(shard: number): readonly { readonly xid: bigint; readonly state: Part }[] {
    return this.transactions.flatMap(({ parts }) => parts.get(shard) ?? []);
  }
}

/** What a reader does on one shard, in this order; other shards' steps and commits come between. */
const keeping = ['prepared', 'snapshot'] as const;
const perStatement = ['certain', 'prepared', 'snapshot', 'snapshot', 'recent'] as const;

interface Reading {
  before: ServerSnapshot;
  prepared: ReadonlySet<string>;
  certain: ServerSnapshot | undefined;
  recent: ReadonlyMap<string, bigint>;
  /** Committed transactions that each snapshot of the statement sees. */
  readonly seen: ReadonlySet<string>[];
}

const shardsOfOne = fc.subarray(SHARDS, { minLength: 2 });
const event = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), shards: shardsOfOne }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('step' as const), transaction: fc.nat(5), part: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), shard: fc.constantFrom(...SHARDS) }) },
);
const history = fc.record({
  earlier: fc.array(event, { maxLength: 20 }),
  during: fc.array(event, { maxLength: 60 }),
  later: fc.array(event, { maxLength: 10 }),
});

type Event = typeof event extends fc.Arbitrary<infer Value> ? Value : never;

/** Plays a history; whether a tear was found, and whether there is one. */
function play(
  steps: readonly ('prepared' | 'certain' | 'snapshot' | 'recent')[],
  { earlier, during, later }: { earlier: readonly Event[]; during: readonly Event[]; later: readonly Event[] },
): { readonly found: boolean; readonly torn: boolean } {
  const keeps = !steps.includes('certain');
  const servers = new Servers();
  servers.begin(SHARDS);
  const readings = new Map<number, Reading>();
  const progress = new Map<number, number>();
  const read = (shard: number): void => {
    const reading = readings.get(shard);
    if (reading === undefined) {
      const nothing = { prepared: new Set<string>(), certain: undefined, recent: new Map<string, bigint>() };
      readings.set(shard, { before: servers.snapshot(shard), ...nothing, seen: [] });
      return;
    }
    // Nothing more of any shard before the first snapshot of every shard.
    if (readings.size < SHARDS.length) return;
    const place = progress.get(shard) ?? 0;
    progress.set(shard, place + 1);
    const committed = servers.inState(shard, 'committed');
    const isRecent = ([, xid]: readonly [string, bigint]): boolean =>
      xid >= reading.before.maximum || reading.before.running.has(xid);
    switch (steps[place]) {
      case 'prepared':
        reading.prepared = new Set(servers.inState(shard, 'prepared').keys());
        break;
      case 'certain':
        reading.certain = servers.snapshot(shard);
        break;
      case 'snapshot':
        reading.seen.push(new Set(committed.keys()));
        if (keeps) reading.recent = new Map([...committed].filter(isRecent));
        break;
      case 'recent':
        reading.recent = new Map([...committed].filter(isRecent));
        break;
      case undefined:
    }
  };
  const run = (events: readonly Event[], reads: boolean): void => {
    for (const each of events) {
      if (each.kind === 'begin') servers.begin(each.shards);
      else if (each.kind === 'step') servers.step(each.transaction, each.part);
      else if (reads) read(each.shard);
    }
  };
  run(earlier, false);
  run(during, true);
  // What is left of the reading, one shard after the other.
  for (let round = 0; round <= steps.length + 1; round += 1) for (const shard of SHARDS) read(shard);
  run(later, false);
  const views = SHARDS.map((shard): ShardView => {
    const reading = readings.get(shard);
    if (reading === undefined) throw new Error('a shard was not read');
    return { shard, ...reading };
  });
  const answers = new Map(
    [...openQuestions(views)].map(([shard, asked]) => {
      const known = servers.inState(shard, 'committed');
      const visible = readings.get(shard)?.seen[0];
      const answered = asked.filter((globalId) => (keeps ? visible?.has(globalId) : known.has(globalId)));
      return [shard, new Map(answered.map((globalId) => [globalId, known.get(globalId) ?? 0n]))] as const;
    }),
  );
  const torn = servers.transactions.some(({ globalId, parts }) => {
    const standings = [...parts.keys()].flatMap((shard) =>
      (readings.get(shard)?.seen ?? []).map((seen) => seen.has(globalId)),
    );
    return new Set(standings).size > 1;
  });
  return { found: findTorn(views, answers).length > 0, torn };
}

const runs = { numRuns: 5_000, seed: 20_261_123 };

describe('snapshots of several shards', () => {
  it('are torn exactly where that is found, when the transaction keeps them', () => {
    let tears = 0;
    fc.assert(
      fc.property(history, (events) => {
        const { found, torn } = play(keeping, events);
        tears += Number(torn);
        return found === torn;
      }),
      runs,
    );
    expect(tears).toBeGreaterThan(300);
  });

  it('are found to be torn wherever they are, when each statement has its own', () => {
    const counts = { torn: 0, found: 0 };
    fc.assert(
      fc.property(history, (events) => {
        const { found, torn } = play(perStatement, events);
        counts.torn += Number(torn);
        counts.found += Number(found);
        return found || !torn;
      }),
      runs,
    );
    expect(counts.torn).toBeGreaterThan(300);
    expect(counts.found).toBeLessThan(runs.numRuns);
  });
});
