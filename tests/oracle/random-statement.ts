/** Random statements over random tables, and what is sent for them. */

import type { Order } from './answer.js';
import type { Dice } from './dice.js';
import { QueryMaker, separated, type Piece } from './random-query.js';
import type { RandomTable } from './random-schema.js';
import { isNumber, literalSql, parameterOf, randomValue, type SentParameter } from './random-values.js';

export interface RandomStatement {
  readonly sql: string;
  readonly protocol: 'simple' | 'extended';
  readonly parameters: readonly SentParameter[];
  readonly resultFormats: readonly number[];
  readonly order: Order;
}

export class StatementMaker {
  readonly #dice: Dice;
  readonly #tables: readonly RandomTable[];
  readonly #queries: QueryMaker;

  constructor(dice: Dice, tables: readonly RandomTable[]) {
    this.#dice = dice;
    this.#tables = tables;
    this.#queries = new QueryMaker(dice, tables);
  }

  create(): readonly RandomStatement[] {
    return this.#tables.map((table) => plainStatement(table.createSql));
  }

  /** Rows for every table; those that violate a key are left out. */
  fill(): readonly RandomStatement[] {
    return this.#tables.flatMap((table) =>
      Array.from({ length: 3 }, () => this.#insert(table, 6, ' ON CONFLICT DO NOTHING')),
    );
  }

  /** What must be alike at the end. */
  inspect(): readonly RandomStatement[] {
    return this.#tables.map((table) => plainStatement(`SELECT * FROM ${table.name}`));
  }

  next(): RandomStatement {
    const dice = this.#dice;
    switch (dice.below(12)) {
      case 0:
        return this.#insert(dice.pick(this.#tables), 3, this.#conflict());
      case 1:
        return this.#update();
      case 2:
        return this.#delete();
      case 3:
        return plainStatement(
          dice.pick(['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ROLLBACK TO s', 'RELEASE s', 'BEGIN', 'COMMIT']),
        );
      default: {
        const { pieces, ordered } = this.#queries.query();
        return this.#send(pieces, ordered ? 'ordered' : 'any order');
      }
    }
  }

  #conflict(): string {
    return this.#dice.pick(['', '', ' ON CONFLICT DO NOTHING', ' RETURNING *', ' ON CONFLICT DO NOTHING RETURNING k']);
  }

  #insert(table: RandomTable, rows: number, tail: string): RandomStatement {
    const dice = this.#dice;
    const required = table.columns.filter((column) => !column.nullable || dice.below(4) > 0);
    const columns = required.length === 0 ? table.columns : required;
    const isWhole = columns.length === table.columns.length && dice.once(2);
    const list = isWhole ? '' : ` (${columns.map((column) => column.name).join(', ')})`;
    const tuples = dice.some(rows, (): Piece[] => [
      '(',
      ...separated(columns.map((column) => randomValue(dice, column.type, column.nullable))),
      ')',
    ]);
    const values = tuples.flatMap((tuple, index) => (index === 0 ? tuple : [', ', ...tuple]));
    return this.#send([`INSERT INTO ${table.name}${list} VALUES `, ...values, tail], 'any order');
  }

  #update(): RandomStatement {
    const dice = this.#dice;
    const table = dice.pick(this.#tables);
    const settable = table.columns.filter((column) => column !== table.key && !table.primary.includes(column));
    if (settable.length === 0) return this.#delete();
    const column = dice.pick(settable);
    const value: readonly Piece[] =
      isNumber(column.type) && dice.once(2)
        ? [`${column.name} + 1`]
        : dice.once(5)
          ? ['DEFAULT']
          : [randomValue(dice, column.type, column.nullable)];
    const where = dice.once(8) ? [] : [' WHERE ', ...this.#queries.conditionOn(table)];
    const returning = dice.once(3) ? ' RETURNING *' : '';
    return this.#send([`UPDATE ${table.name} SET ${column.name} = `, ...value, ...where, returning], 'any order');
  }

  #delete(): RandomStatement {
    const dice = this.#dice;
    const table = dice.pick(this.#tables);
    const returning = dice.once(3) ? ' RETURNING *' : '';
    return this.#send(
      [`DELETE FROM ${table.name} WHERE `, ...this.#queries.conditionOn(table), returning],
      'any order',
    );
  }

  #send(pieces: readonly Piece[], order: Order): RandomStatement {
    const dice = this.#dice;
    const isExtended = dice.once(2);
    const parameters: SentParameter[] = [];
    const sql = pieces.map((piece) => {
      if (typeof piece === 'string') return piece;
      // PostgreSQL takes a row of parameters alone for text; beside a column it takes its type.
      if (!isExtended || dice.once(3)) return literalSql(dice, piece);
      parameters.push(parameterOf(dice, piece));
      return `$${parameters.length}`;
    });
    return {
      sql: sql.join(''),
      protocol: isExtended ? 'extended' : 'simple',
      parameters,
      resultFormats: isExtended ? dice.pick([[], [0], [1]]) : [],
      order,
    };
  }
}

function plainStatement(sql: string): RandomStatement {
  return { sql, protocol: 'simple', parameters: [], resultFormats: [], order: 'any order' };
}
