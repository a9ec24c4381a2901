/** Random statements over random tables, and what is sent for them. */

import type { Order } from './answer.js';
import type { Dice } from './dice.js';
import { QueryMaker, separated, type Piece } from './random-query.js';
import type { RandomTable } from './random-schema.js';
import { isNumber, literalSql, parameterForm, parameterValue, randomValue, type Value } from './random-values.js';
import type { Parameters } from './raw-client.js';

export interface RandomStatement {
  readonly sql: string;
  readonly protocol: 'simple' | 'extended';
  /** Of the parameters, in the extended protocol. */
  readonly types: readonly number[];
  readonly executions: readonly Parameters[];
  readonly maximumRows: number;
  readonly order: Order;
}

/** Statements are made again with other values, so that plans are used again. */
interface Template {
  readonly pieces: readonly Piece[];
  readonly order: Order;
}

const MAXIMUM_TEMPLATES = 8;

export class StatementMaker {
  readonly #dice: Dice;
  readonly #tables: readonly RandomTable[];
  readonly #queries: QueryMaker;
  readonly #templates: Template[] = [];

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

  command(sql: string): RandomStatement {
    return plainStatement(sql);
  }

  /** What must be alike at the end. */
  inspect(): readonly RandomStatement[] {
    return this.#tables.map((table) => plainStatement(`SELECT * FROM ${table.name}`));
  }

  next(): RandomStatement {
    const dice = this.#dice;
    if (this.#templates.length > 0 && dice.once(4)) {
      const { pieces, order } = dice.pick(this.#templates);
      return this.#write(
        pieces.map((piece) => this.#other(piece)),
        order,
      );
    }
    switch (dice.below(12)) {
      case 0:
        return this.#insert(dice.pick(this.#tables), 3, this.#conflict());
      case 1:
        return this.#update();
      case 2:
        return this.#delete();
      case 4:
        if (dice.once(2)) return this.#writeFrom();
        return this.#send([`SELECT count(*), count(DISTINCT k) FROM ${dice.pick(this.#tables).name}`], 'any order');
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

  /** INSERT … SELECT, UPDATE … FROM, DELETE … USING. */
  #writeFrom(): RandomStatement {
    const dice = this.#dice;
    const table = dice.pick(this.#tables);
    const other = dice.pick(this.#tables);
    const where = [' AND ', ...this.#queries.condition([{ sql: 'o.k', type: other.key.type, isKey: true }], 1)];
    const settable = table.columns.find((column) => column !== table.key && !table.primary.includes(column));
    const kind = dice.below(3);
    if (kind === 0) {
      // Of rows with one key any may be the first, so they have to be alike.
      const given = table.primary.length === 0 ? table.columns : table.primary;
      const columns = given.filter((column) =>
        other.columns.some(({ name, type }) => column.name === name && column.type === type),
      );
      const list = (columns.length === 0 ? [table.key] : columns).map((column) => column.name).join(', ');
      const select = ` (${list}) SELECT ${list} FROM ${other.name} o WHERE true`;
      return this.#send([`INSERT INTO ${table.name}${select}`, ...where, ' ON CONFLICT DO NOTHING'], 'any order');
    }
    if (kind === 1 && settable !== undefined) {
      const value = randomValue(dice, settable.type, settable.nullable);
      return this.#send(
        [`UPDATE ${table.name} t SET ${settable.name} = `, value, ` FROM ${other.name} o WHERE o.k = t.k`, ...where],
        'any order',
      );
    }
    return this.#send(
      [`DELETE FROM ${table.name} t USING ${other.name} o WHERE o.k = t.k`, ...where, ' RETURNING t.*'],
      'any order',
    );
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
    this.#templates.push({ pieces, order });
    if (this.#templates.length > MAXIMUM_TEMPLATES) this.#templates.shift();
    return this.#write(pieces, order);
  }

  /** Another value in its place. */
  #other(piece: Piece): Piece {
    if (typeof piece === 'string') return piece;
    return { ...randomValue(this.#dice, piece.type, piece.nullable), explicit: piece.explicit };
  }

  #write(pieces: readonly Piece[], order: Order): RandomStatement {
    return statementOf(this.#dice, pieces, order);
  }
}

/** The statement in one of the two protocols, its values as literals or parameters, now and then executed again. */
export function statementOf(dice: Dice, pieces: readonly Piece[], order: Order): RandomStatement {
  const isExtended = dice.once(2);
  const sent: Value[] = [];
  const sql = pieces.map((piece) => {
    if (typeof piece === 'string') return piece;
    if (!isExtended || dice.once(3)) return literalSql(dice, piece);
    sent.push(piece);
    return `$${sent.length}`;
  });
  const forms = sent.map((value) => parameterForm(dice, value.type, value.explicit));
  const resultFormats = dice.pick([[], [0], [1]]);
  const execution = (values: readonly Value[]): Parameters => ({
    formats: forms.map(({ format }) => format),
    values: values.map((value, index) => parameterValue(value, forms[index] ?? { type: 0, format: 0 })),
    resultFormats,
  });
  const again = (): Parameters =>
    execution(sent.map((value) => ({ ...value, ...randomValue(dice, value.type, value.nullable) })));
  const isQuery = sql[0]?.startsWith('SELECT') === true && order === 'ordered';
  return {
    sql: sql.join(''),
    protocol: isExtended ? 'extended' : 'simple',
    types: forms.map(({ type }) => type),
    executions: isExtended ? [execution(sent), ...(dice.once(3) ? dice.some(2, again) : [])] : [],
    maximumRows: isQuery && dice.once(4) ? 1 + dice.below(3) : 0,
    order,
  };
}

export function plainStatement(sql: string): RandomStatement {
  return { sql, protocol: 'simple', types: [], executions: [], maximumRows: 0, order: 'any order' };
}
