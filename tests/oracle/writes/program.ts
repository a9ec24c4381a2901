/** A random program, made statement by statement: what it may write next depends on what became of the one before. */

import type { Dice } from '../dice.js';
import type { Piece } from '../random-query.js';
import { plainStatement, statementOf, type RandomStatement } from '../random-statement.js';
import { merge, remove, update } from './changes.js';
import { definition, type Definition } from './definitions.js';
import { insertRows, insertSelect } from './inserts.js';
import { comparable, counted, SEQUENCE, type WriteTable } from './model.js';
import { Parts } from './parts.js';
import { createSql, randomTables } from './schema.js';
import { writingWith } from './writing-with.js';

/** What became of a statement. */
export interface Effect {
  /** Neither refused nor failed. */
  readonly done: boolean;
  /** As ReadyForQuery tells it. */
  readonly status: string;
}

export interface Step {
  readonly statement: RandomStatement;
  /** Where several rows may fail, any of them may be the one that is told of. */
  readonly rowErrors: 'exact' | 'any';
  readonly learn: (effect: Effect) => void;
}

const begins = ['BEGIN', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ'];
const ends = ['COMMIT', 'COMMIT', 'ROLLBACK'];
const savepoints = ['SAVEPOINT a', 'SAVEPOINT b', 'RELEASE a'];

export class WriteProgram {
  readonly #dice: Dice;
  #tables: readonly WriteTable[];
  /** The tables as they were at BEGIN, and at each savepoint. */
  #begun: readonly WriteTable[] | undefined;
  readonly #savepoints = new Map<string, readonly WriteTable[]>();
  readonly #pending: Definition[] = [];
  #failed = false;
  #number = 0;

  constructor(dice: Dice) {
    this.#dice = dice;
    this.#tables = randomTables(dice);
  }

  create(): readonly RandomStatement[] {
    return [`CREATE SEQUENCE ${SEQUENCE}`, ...this.#tables.flatMap(createSql)].map(plainStatement);
  }

  fill(): readonly Step[] {
    const parts = this.#parts();
    return this.#tables.flatMap((table) =>
      Array.from({ length: 3 }, () => this.#step(insertRows(parts, table, ' ON CONFLICT DO NOTHING'), 'any')),
    );
  }

  /** Looks at every table. */
  inspect(): readonly RandomStatement[] {
    return this.#tables.map((table) => {
      const columns = comparable(table).map(({ name }) => name);
      const distinct = counted(table).map(
        ({ name }) => `(SELECT count(*) - count(DISTINCT ${name}) FROM ${table.name})`,
      );
      return plainStatement(`SELECT ${[...columns, ...distinct].join(', ')} FROM ${table.name}`);
    });
  }

  next(): Step {
    const dice = this.#dice;
    const pending = this.#pending.shift();
    if (pending !== undefined) return this.#define(pending);
    if (this.#failed && dice.below(3) > 0) return this.#transaction();
    const parts = this.#parts();
    const table = parts.table();
    switch (dice.below(24)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return this.#step(insertRows(parts, table), 'any');
      case 6:
      case 7:
        return this.#step(insertSelect(parts, table), 'any');
      case 8:
      case 9:
      case 10:
      case 11:
      case 12:
        return this.#step(update(parts, table), 'any');
      case 13:
      case 14:
        return this.#step(remove(parts, table), 'any');
      case 15:
        return this.#step(merge(parts, table), 'any');
      case 16:
        return this.#step(writingWith(parts), 'any');
      case 17:
      case 18:
        return this.#transaction();
      case 19: {
        const [first, ...others] = definition(dice, this.#tables, (this.#number += 1));
        if (first === undefined) return this.#transaction();
        this.#pending.push(...others);
        return this.#define(first);
      }
      default: {
        const { pieces, ordered } = parts.queries.query();
        const statement = statementOf(dice, pieces, ordered ? 'ordered' : 'any order');
        return { statement, rowErrors: 'any', learn: (effect) => this.#learn(effect) };
      }
    }
  }

  #parts(): Parts {
    return new Parts(this.#dice, this.#tables);
  }

  #step(pieces: readonly Piece[], rowErrors: Step['rowErrors']): Step {
    const statement = statementOf(this.#dice, pieces, 'any order');
    return { statement, rowErrors, learn: (effect) => this.#learn(effect) };
  }

  #define({ sql, apply }: Definition): Step {
    return {
      statement: plainStatement(sql),
      rowErrors: 'exact',
      learn: (effect) => {
        if (effect.done) this.#tables = apply(this.#tables);
        else this.#pending.length = 0;
        this.#learn(effect);
      },
    };
  }

  #transaction(): Step {
    const dice = this.#dice;
    const sql = dice.pick(
      this.#begun === undefined
        ? begins
        : this.#failed
          ? this.#waysOut()
          : [...ends, ...this.#waysOut(), ...savepoints],
    );
    return {
      statement: plainStatement(sql),
      rowErrors: 'exact',
      learn: ({ done, status }) => {
        const [word, second, name = second] = sql.split(' ');
        if (done && word === 'BEGIN') this.#begun = this.#tables;
        if (done && word === 'SAVEPOINT') this.#savepoints.set(name ?? '', this.#tables);
        if (done && sql.startsWith('ROLLBACK TO')) this.#tables = this.#savepoints.get(name ?? '') ?? this.#tables;
        // COMMIT of what has failed rolls back, too.
        if (done && (sql === 'ROLLBACK' || (sql === 'COMMIT' && this.#failed)))
          this.#tables = this.#begun ?? this.#tables;
        this.#learn({ done, status });
      },
    };
  }

  /** Of a transaction that may have failed. */
  #waysOut(): readonly string[] {
    return [...this.#savepoints.keys()]
      .flatMap((name) => [`ROLLBACK TO ${name}`, `ROLLBACK TO ${name}`, 'ROLLBACK'])
      .concat('COMMIT');
  }

  #learn({ status }: Effect): void {
    this.#failed = status === 'E';
    if (status === 'I') {
      this.#begun = undefined;
      this.#savepoints.clear();
    }
  }
}
