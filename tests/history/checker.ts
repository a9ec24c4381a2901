/**
 * Judges a history of lists and registers as it is recorded. Transactions append their own number to lists and put it into
 * registers; so each read tells which transactions it saw, and in which order they came. Pure: no clock, no connections.
 *
 * The names of the anomalies are Adya's (Weak Consistency, 1999) and those of the list-append checkers that follow him.
 */

/** What a transaction does, as its client has planned it. All of it comes before its COMMIT. */
export interface Plan {
  /** Unique in the history, from 1. */
  readonly number: number;
  /** Lists that it appends to once. */
  readonly lists: readonly number[];
  /** A list that it appends to twice, in two statements. */
  readonly twice: number | undefined;
}

/** An item of a list: the transaction, and which of its items in that list it is. */
export interface Item {
  readonly transaction: number;
  readonly last: boolean;
}

export type Outcome = 'committed' | 'aborted' | 'unknown';

export type Anomaly =
  'fractured' | 'intermediate' | 'aborted' | 'diverged' | 'lost append' | 'lost update' | 'unrepeatable';

/** An item as it is stored: even for the last of its transaction in that list. */
export function encodeItem({ transaction, last }: Item): number {
  return transaction * 2 + (last ? 0 : 1);
}

export function decodeItem(value: number): Item {
  return { transaction: Math.floor(value / 2), last: value % 2 === 0 };
}

/** One register's change: what was read there, and the transaction that replaced it by itself. */
interface Replacement {
  readonly register: number;
  readonly read: number;
  readonly transaction: number;
}

export class HistoryChecker {
  readonly #plans = new Map<number, Plan>();
  readonly #outcomes = new Map<number, Outcome>();
  readonly #seen = new Set<number>();
  /** Of each list the longest state that was read. */
  readonly #longest = new Map<number, readonly number[]>();
  readonly #replacements: Replacement[] = [];
  readonly #found = new Map<Anomaly, number>();
  readonly #examples: string[] = [];
  readonly #examplesKept: number;
  /** Reads that saw a transaction over several lists. */
  reads = 0;

  constructor(examplesKept = 5) {
    this.#examplesKept = examplesKept;
  }

  /** How often each anomaly was found. */
  get found(): ReadonlyMap<Anomaly, number> {
    return this.#found;
  }

  get examples(): readonly string[] {
    return this.#examples;
  }

  count(outcome: Outcome): number {
    return [...this.#outcomes.values()].filter((each) => each === outcome).length;
  }

  begin(plan: Plan): void {
    this.#plans.set(plan.number, plan);
  }

  /** The transaction read the register in the statement that replaced it, or with its row locked. */
  replace(transaction: number, register: number, read: number): void {
    this.#replacements.push({ transaction, register, read });
  }

  end(transaction: number, outcome: Outcome): void {
    this.#outcomes.set(transaction, outcome);
  }

  /** What one statement saw of some lists. */
  read(lists: ReadonlyMap<number, readonly number[]>): void {
    this.reads += 1;
    const numbers = new Set<number>();
    for (const [list, items] of lists) {
      this.#follow(list, items);
      for (const [index, value] of items.entries()) {
        const { transaction, last } = decodeItem(value);
        numbers.add(transaction);
        if (!last && !items.slice(index + 1).includes(encodeItem({ transaction, last: true }))) {
          this.#note(
            'intermediate',
            `list ${list} has the first item of transaction ${transaction} and not the second`,
          );
        }
      }
    }
    for (const number of numbers) {
      this.#seen.add(number);
      const missing = this.#missing(number, lists);
      if (missing !== undefined) {
        this.#note('fractured', `transaction ${number} was seen, but not in list ${missing}`);
        break;
      }
    }
  }

  /** Two statements that must have seen the same. */
  compare(first: ReadonlyMap<number, readonly number[]>, second: ReadonlyMap<number, readonly number[]>): void {
    for (const [list, items] of first) {
      if (items.join() !== second.get(list)?.join()) {
        this.#note('unrepeatable', `list ${list} was [${items.join()}] and then [${second.get(list)?.join() ?? ''}]`);
        return;
      }
    }
  }

  /** What the lists and registers are when everything has come to rest. */
  finish(lists: ReadonlyMap<number, readonly number[]>, registers: ReadonlyMap<number, number>): void {
    const happened = new Set([...lists.values()].flat().map((value) => decodeItem(value).transaction));
    for (const [list, items] of lists) this.#follow(list, items);
    for (const [list, items] of this.#longest) {
      if (items.length > (lists.get(list)?.length ?? 0)) this.#note('lost append', `list ${list} was longer once`);
    }
    for (const [number, outcome] of this.#outcomes) {
      if (outcome === 'aborted' && (happened.has(number) || this.#seen.has(number))) {
        this.#note('aborted', `transaction ${number} was rolled back, and its items were read`);
      }
      if (outcome === 'committed' || happened.has(number)) {
        const missing = this.#missing(number, lists);
        if (missing !== undefined)
          this.#note('lost append', `transaction ${number} is not in list ${missing} at the end`);
      }
    }
    this.#checkChains(registers, (number) => happened.has(number));
  }

  /** Each value of a register is read by at most one of those that replaced it, and the last one by nobody. */
  #checkChains(registers: ReadonlyMap<number, number>, happened: (transaction: number) => boolean): void {
    const readers = new Map<string, number>();
    for (const { register, read, transaction } of this.#replacements) {
      if (!happened(transaction)) continue;
      const key = `${register}: ${read}`;
      const other = readers.get(key);
      if (other !== undefined) {
        this.#note(
          'lost update',
          `transactions ${other} and ${transaction} both replaced ${read} in register ${register}`,
        );
      }
      readers.set(key, transaction);
    }
    for (const [register, last] of registers) {
      const reader = readers.get(`${register}: ${last}`);
      if (reader !== undefined) this.#note('lost update', `what ${reader} put into register ${register} is gone`);
    }
  }

  /** A list of the transaction that is among the lists and lacks its item. */
  #missing(number: number, lists: ReadonlyMap<number, readonly number[]>): number | undefined {
    const plan = this.#plans.get(number);
    if (plan === undefined) throw new Error(`transaction ${number} was never begun`);
    const item = encodeItem({ transaction: number, last: true });
    const all = plan.twice === undefined ? plan.lists : [...plan.lists, plan.twice];
    return all.find((list) => lists.get(list)?.includes(item) === false);
  }

  /** Every state of a list is a beginning of its later states. */
  #follow(list: number, items: readonly number[]): void {
    const longest = this.#longest.get(list) ?? [];
    const common = Math.min(items.length, longest.length);
    for (let index = 0; index < common; index += 1) {
      if (items[index] === longest[index]) continue;
      this.#note('diverged', `list ${list} was [${longest.join()}] and [${items.join()}]`);
      return;
    }
    if (items.length > longest.length) this.#longest.set(list, items);
  }

  #note(anomaly: Anomaly, example: string): void {
    this.#found.set(anomaly, (this.#found.get(anomaly) ?? 0) + 1);
    if (this.#examples.length < this.#examplesKept) this.#examples.push(`${anomaly}: ${example}`);
  }
}
