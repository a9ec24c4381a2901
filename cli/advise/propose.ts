/**
 * The search for placements: constraints bind, cost chooses. It begins with copies of everything, shards what can be
 * sharded together or alone while that is cheaper, and mends after each step what no longer holds by making tables
 * reference or, where they cannot be that, home tables. All at home always holds, so there is always an answer.
 */

import type { Placement } from '../../catalog/schema.js';
import { familyOf, foreignKeyHolds, possibleKeys } from './constraints.js';
import { measure, placementCost, togetherGain } from './cost.js';
import type { AdvisedTable, Choices, ForeignKey } from './schema.js';
import { samePlacement } from './schema.js';

export interface Wishes {
  /** The shards that rows are spread over. */
  readonly shards: number;
  /** Placements that a person gave, by oid. They are kept, whatever they cost. */
  readonly pinned: Choices;
  /** What a table must not be, beside what its constraints say: triggers and the like, by oid. */
  readonly barred: ReadonlyMap<number, readonly Placement['kind'][]>;
}

interface Edge {
  readonly foreign: ForeignKey;
  readonly from: AdvisedTable;
  readonly to: AdvisedTable;
}

const reference: Placement = { kind: 'reference' };
const home: Placement = { kind: 'home' };

export function propose(tables: readonly AdvisedTable[], wishes: Wishes): Choices {
  return new Search(tables, wishes).run();
}

class Search {
  readonly #tables: readonly AdvisedTable[];
  readonly #wishes: Wishes;
  readonly #edges: readonly Edge[];
  readonly #options: ReadonlyMap<number, readonly Placement[]>;
  readonly #sizes: ReadonlyMap<number, number>;
  readonly #tied: ReadonlySet<number>;

  constructor(tables: readonly AdvisedTable[], wishes: Wishes) {
    this.#tables = tables;
    this.#wishes = wishes;
    const byOid = new Map(tables.map((table) => [table.oid, table]));
    this.#edges = tables.flatMap((from) =>
      from.foreignKeys.flatMap((foreign) => {
        const to = byOid.get(foreign.target);
        return to === undefined ? [] : [{ foreign, from, to }];
      }),
    );
    this.#sizes = measure(tables);
    this.#tied = new Set(this.#edges.flatMap(({ from, to }) => [from.oid, to.oid]));
    this.#options = new Map(tables.map((table) => [table.oid, this.#optionsOf(table)]));
  }

  run(): Choices {
    let best = this.#mend(new Map(this.#tables.map((table) => [table.oid, this.#leastOption(table)])));
    let cost = this.#cost(best);
    const moves = [...this.#classMoves(), ...this.#singleMoves()];
    for (let improved = true; improved;) {
      improved = false;
      for (const move of moves) {
        const next = this.#mend(new Map([...best, ...move]));
        const nextCost = this.#cost(next);
        if (nextCost >= cost) continue;
        best = next;
        cost = nextCost;
        improved = true;
      }
    }
    return best;
  }

  #optionsOf(table: AdvisedTable): readonly Placement[] {
    const pinned = this.#wishes.pinned.get(table.oid);
    if (pinned !== undefined) return [pinned];
    const barred = this.#wishes.barred.get(table.oid) ?? [];
    const sharded = possibleKeys(table).map((column): Placement => ({ kind: 'sharded', key: [column] }));
    const copies = table.hasRules ? [] : [reference];
    const options = [...sharded, ...copies, home].filter(({ kind }) => !barred.includes(kind));
    return options.length === 0 ? [home] : options;
  }

  #leastOption(table: AdvisedTable): Placement {
    const options = this.#options.get(table.oid) ?? [];
    return options.find(({ kind }) => kind === 'reference') ?? options.at(-1) ?? home;
  }

  /** Raises tables from sharded to reference to home until every foreign key holds that can. */
  #mend(choices: Map<number, Placement>): ReadonlyMap<number, Placement> {
    for (let broken = true; broken;) {
      broken = false;
      for (const { foreign, from, to } of this.#edges) {
        const source = choices.get(from.oid) ?? home;
        const target = choices.get(to.oid) ?? home;
        const holds = foreignKeyHolds(foreign, { table: from, placement: source }, { table: to, placement: target });
        if (holds) continue;
        if (target.kind === 'sharded' && this.#allows(to, reference)) choices.set(to.oid, reference);
        else if (target.kind === 'sharded' && this.#allows(to, home)) choices.set(to.oid, home);
        else if (target.kind === 'home' && source.kind !== 'home' && this.#allows(from, home))
          choices.set(from.oid, home);
        else continue;
        broken = true;
      }
    }
    return choices;
  }

  #allows(table: AdvisedTable, placement: Placement): boolean {
    return (this.#options.get(table.oid) ?? []).some((option) => samePlacement(option, placement));
  }

  #cost(choices: Choices): number {
    const { shards } = this.#wishes;
    let cost = 0;
    for (const table of this.#tables) {
      const size = this.#sizes.get(table.oid) ?? 0;
      const isTied = this.#tied.has(table.oid);
      cost += placementCost(table, choices.get(table.oid) ?? home, { size, isTied, shards });
    }
    for (const { foreign, from, to } of this.#edges) {
      const source = choices.get(from.oid) ?? home;
      const target = choices.get(to.oid) ?? home;
      const holds = foreignKeyHolds(foreign, { table: from, placement: source }, { table: to, placement: target });
      // What a person wants may break a constraint: as few of them as can be.
      if (!holds) cost += Number.MAX_SAFE_INTEGER / (this.#edges.length + 1);
      else if (source.kind === 'sharded' && target.kind === 'sharded' && from.oid !== to.oid) {
        cost -= togetherGain(this.#sizes.get(from.oid) ?? 0, shards);
      }
    }
    return cost;
  }

  /** All tables that foreign keys tie by one column, sharded by it where they can be. */
  *#classMoves(): Generator<ReadonlyMap<number, Placement>> {
    const parents = new Map<string, string>();
    const root = (key: string): string => {
      const parent = parents.get(key);
      return parent === undefined ? key : root(parent);
    };
    const keyOf = (table: AdvisedTable, column: string): string => JSON.stringify([table.oid, column]);
    for (const { foreign, from, to } of this.#edges) {
      foreign.columns.forEach((column, index) => {
        const aimed = foreign.targetColumns[index] ?? '';
        if (familyOf(from, column) === undefined || familyOf(from, column) !== familyOf(to, aimed)) return;
        const [left, right] = [root(keyOf(from, column)), root(keyOf(to, aimed))];
        if (left !== right) parents.set(left, right);
      });
    }
    const classes = new Map<string, Map<number, Placement>>();
    for (const table of this.#tables) {
      for (const option of this.#options.get(table.oid) ?? []) {
        if (option.kind !== 'sharded') continue;
        const at = root(keyOf(table, option.key[0] ?? ''));
        let members = classes.get(at);
        if (members === undefined) classes.set(at, (members = new Map<number, Placement>()));
        if (!members.has(table.oid)) members.set(table.oid, option);
      }
    }
    for (const members of classes.values()) if (members.size > 1) yield members;
  }

  *#singleMoves(): Generator<ReadonlyMap<number, Placement>> {
    for (const table of this.#tables) {
      for (const option of this.#options.get(table.oid) ?? []) yield new Map([[table.oid, option]]);
    }
  }
}
