/** Random SELECTs whose answer is certain: rows that tie in the order are alike, and sums are exact. */

import type { Dice } from './dice.js';
import type { RandomColumn, RandomTable } from './random-schema.js';
import { isNumber, likeType, randomValue, type TypeName, type Value } from './random-values.js';

/** SQL with values in it. */
export type Piece = string | Value;

interface RandomQuery {
  readonly pieces: readonly Piece[];
  readonly ordered: boolean;
}

/** A column as a query sees it. */
interface Visible {
  readonly sql: string;
  readonly type: TypeName;
  readonly isKey: boolean;
}

interface Source {
  readonly pieces: readonly Piece[];
  readonly columns: readonly Visible[];
}

const comparisons = ['=', '<', '>', '<=', '>=', '<>'];

export class QueryMaker {
  readonly #dice: Dice;
  readonly #tables: readonly RandomTable[];

  constructor(dice: Dice, tables: readonly RandomTable[]) {
    this.#dice = dice;
    this.#tables = tables;
  }

  query(): RandomQuery {
    const dice = this.#dice;
    const source = this.#source();
    const where = dice.once(3) ? [] : [' WHERE ', ...this.condition(source.columns, 2)];
    switch (dice.below(8)) {
      case 0:
      case 1:
        return this.#aggregate(source, where);
      case 2:
        return this.#grouped(source, where);
      case 3:
        return this.#window(source, where);
      case 4:
        return dice.once(2) ? this.#compound() : this.#correlated();
      default:
        return this.#plain(source, where);
    }
  }

  /** A condition over one table's columns, for UPDATE and DELETE. */
  conditionOn(table: RandomTable): readonly Piece[] {
    return this.condition(visible(table.columns, table, ''), 2);
  }

  condition(columns: readonly Visible[], depth: number): readonly Piece[] {
    const dice = this.#dice;
    if (depth > 0 && dice.once(3)) {
      const left = this.condition(columns, depth - 1);
      const right = this.condition(columns, depth - 1);
      return ['(', ...left, dice.once(3) ? ' OR ' : ' AND ', ...right, ')'];
    }
    if (depth > 0 && dice.once(10)) return ['NOT (', ...this.condition(columns, depth - 1), ')'];
    const keys = columns.filter((column) => column.isKey);
    const column = keys.length > 0 && dice.once(2) ? dice.pick(keys) : dice.pick(columns);
    const value = (): Value => randomValue(dice, column.type, dice.once(8));
    const other = likeType(dice, column.type);
    const like = (): Value => ({ ...randomValue(dice, other, dice.once(8)), explicit: other !== column.type });
    switch (dice.below(column.isKey ? 7 : 10)) {
      case 0:
      case 1:
        return [`${column.sql} = `, like()];
      case 2:
        return dice.once(2)
          ? [value(), ` = ${column.sql}`]
          : [`(${column.sql}, ${column.sql}) = (`, value(), ', ', value(), ')'];
      case 3:
        return [`${column.sql}${dice.once(5) ? ' NOT' : ''} IN (`, ...separated(dice.some(4, value)), ')'];
      case 4:
        return [`${column.sql} = ANY (ARRAY[`, ...separated(dice.some(3, value)), `]::${column.type}[])`];
      case 5:
        return [`${column.sql} IS ${dice.once(2) ? 'NOT ' : ''}NULL`];
      case 6: {
        const subquery = this.#subquery(column);
        if (subquery !== undefined) return subquery;
        return [`${column.sql} = `, value()];
      }
      case 7:
        return [`${column.sql} BETWEEN `, value(), ' AND ', value()];
      default:
        return [`${column.sql} ${dice.pick(comparisons)} `, like()];
    }
  }

  #subquery(column: Visible): readonly Piece[] | undefined {
    const dice = this.#dice;
    const tables = this.#tables.filter((table) => table.columns.some((other) => other.type === column.type));
    if (tables.length === 0) return undefined;
    const table = dice.pick(tables);
    const other = dice.pick(table.columns.filter((each) => each.type === column.type));
    const inner = visible(table.columns, table, 's.');
    const also = dice.once(2) ? [' AND ', ...this.condition(inner, 0)] : [];
    const not = dice.once(3) ? 'NOT ' : '';
    return dice.once(2)
      ? [`${not}EXISTS (SELECT 1 FROM ${table.name} s WHERE s.${other.name} = ${column.sql}`, ...also, ')']
      : [
          `${column.sql} ${not}IN (SELECT s.${other.name} FROM ${table.name} s WHERE s.${other.name} IS NOT NULL`,
          ...also,
          ')',
        ];
  }

  #source(): Source {
    const dice = this.#dice;
    const first = dice.pick([...this.#tables, ...this.#tables.slice(0, 2)]);
    const base: Source = { pieces: [`${first.name} x`], columns: visible(first.columns, first, 'x.') };
    if (dice.once(8)) return this.#derived(first);
    if (dice.below(3) > 0) return base;
    const second = dice.pick(this.#tables);
    const right = visible(second.columns, second, 'y.');
    const pairs = base.columns.flatMap((left) =>
      right.filter((other) => other.type === left.type).map((other) => ({ left, other })),
    );
    const onKey = pairs.filter(({ left, other }) => left.isKey && other.isKey);
    const kind = dice.pick(['JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN']);
    if (pairs.length === 0) return base;
    const { left, other } = onKey.length > 0 && dice.below(4) > 0 ? dice.pick(onKey) : dice.pick(pairs);
    const more =
      dice.once(4) && kind !== 'FULL JOIN' ? [' AND ', ...this.condition([...base.columns, ...right], 0)] : [];
    return {
      pieces: [`${first.name} x ${kind} ${second.name} y ON ${left.sql} = ${other.sql}`, ...more],
      columns: [...base.columns, ...right],
    };
  }

  #derived(table: RandomTable): Source {
    const columns = visible(table.columns, table, 'i.');
    const where = this.#dice.once(2) ? [' WHERE ', ...this.condition(columns, 1)] : [];
    const outer = visible(table.columns, table, 'x.');
    const list = columns.map((column) => column.sql).join(', ');
    return this.#dice.once(2)
      ? { pieces: [`(SELECT ${list} FROM ${table.name} i`, ...where, ') AS x'], columns: outer }
      : { pieces: [`(SELECT DISTINCT ${list} FROM ${table.name} i`, ...where, ') x'], columns: outer };
  }

  #plain(source: Source, where: readonly Piece[]): RandomQuery {
    const dice = this.#dice;
    const list = dice.some(4, () => this.#expression(dice.pick(source.columns)));
    const items = list.map((sql, index) => (dice.once(3) ? `${sql} AS o${index + 1}` : sql));
    const distinct = dice.once(5) ? 'DISTINCT ' : '';
    const head = [`SELECT ${distinct}${items.join(', ')} FROM `, ...source.pieces, ...where];
    return dice.once(3) ? { pieces: head, ordered: false } : this.#ordered(head, list.length);
  }

  #expression(column: Visible): string {
    const dice = this.#dice;
    if (!dice.once(4)) return column.sql;
    if (column.type === 'text')
      return dice.pick([`upper(${column.sql})`, `${column.sql} || '!'`, `length(${column.sql})`]);
    if (isNumber(column.type))
      return dice.pick([`${column.sql} + 1`, `-${column.sql}`, `coalesce(${column.sql}, 0)`, `${column.sql} IS NULL`]);
    return dice.pick([column.sql, `${column.sql} IS NULL`, `coalesce(${column.sql}, ${column.sql})`]);
  }

  /** ORDER BY all columns of the result, so that rows which tie are alike, and then perhaps LIMIT. */
  #ordered(head: readonly Piece[], columns: number): RandomQuery {
    const dice = this.#dice;
    const keys = dice
      .shuffle(Array.from({ length: columns }, (_, index) => index + 1))
      .map(
        (number) => `${number}${dice.pick(['', ' ASC', ' DESC'])}${dice.pick(['', '', ' NULLS FIRST', ' NULLS LAST'])}`,
      );
    const limit: readonly Piece[] = dice.once(2)
      ? []
      : dice.once(2)
        ? [' LIMIT ', count(dice, 6)]
        : [' LIMIT ', count(dice, 6), ' OFFSET ', count(dice, 4)];
    return { pieces: [...head, ` ORDER BY ${keys.join(', ')}`, ...limit], ordered: true };
  }

  #aggregateCall(columns: readonly Visible[]): string {
    const dice = this.#dice;
    const column = dice.pick(columns);
    const choices = ['count(*)', `count(${column.sql})`, `count(DISTINCT ${column.sql})`];
    if (column.type === 'bool') choices.push(`bool_and(${column.sql})`, `bool_or(${column.sql})`);
    else if (column.type !== 'uuid') choices.push(`min(${column.sql})`, `max(${column.sql})`);
    if (isNumber(column.type)) choices.push(`sum(${column.sql})`, `sum(${column.sql}) + 1`);
    if (['int', 'bigint', 'smallint'].includes(column.type)) {
      choices.push(
        `bit_and(${column.sql})`,
        `bit_or(${column.sql})`,
        `avg(${column.sql})`,
        `sum(DISTINCT ${column.sql})`,
      );
    }
    choices.push(`array_agg(${column.sql} ORDER BY ${column.sql})`);
    const call = dice.pick(choices);
    return dice.once(8) && !call.endsWith('+ 1') ? `${call} FILTER (WHERE ${column.sql} IS NOT NULL)` : call;
  }

  #aggregate(source: Source, where: readonly Piece[]): RandomQuery {
    const calls = this.#dice.some(3, () => this.#aggregateCall(source.columns));
    const having = this.#dice.once(6) ? [' HAVING count(*) > 2'] : [];
    return { pieces: [`SELECT ${calls.join(', ')} FROM `, ...source.pieces, ...where, ...having], ordered: false };
  }

  #grouped(source: Source, where: readonly Piece[]): RandomQuery {
    const dice = this.#dice;
    const keys = source.columns.filter((column) => column.isKey);
    const column = keys.length > 0 && dice.once(2) ? dice.pick(keys) : dice.pick(source.columns);
    const more = dice.once(3) ? [dice.pick(source.columns)] : [];
    const groups = [...new Set([column, ...more].map((each) => each.sql))];
    const calls = dice.some(2, () => this.#aggregateCall(source.columns));
    const having = dice.once(4) ? [' HAVING count(*) > 1'] : [];
    const head = [
      `SELECT ${[...groups, ...calls].join(', ')} FROM `,
      ...source.pieces,
      ...where,
      ` GROUP BY ${groups.join(', ')}`,
      ...having,
    ];
    return dice.once(3) ? { pieces: head, ordered: false } : this.#ordered(head, groups.length + calls.length);
  }

  #window(source: Source, where: readonly Piece[]): RandomQuery {
    const dice = this.#dice;
    const by = dice.pick(source.columns);
    // Peers get the same value of these, so that it does not matter in which order they come.
    const call = dice.pick(['rank()', 'dense_rank()', 'count(*)', 'cume_dist()']);
    const order = dice.pick(source.columns);
    const sql = `${call} OVER (PARTITION BY ${by.sql} ORDER BY ${order.sql})`;
    return this.#ordered([`SELECT ${by.sql}, ${order.sql}, ${sql} FROM `, ...source.pieces, ...where], 3);
  }

  /** A scalar subquery, a LATERAL join or DISTINCT ON: what depends on another table's row. */
  #correlated(): RandomQuery {
    const dice = this.#dice;
    const outer = dice.pick(this.#tables);
    const inner = dice.pick(this.#tables);
    const column = dice.pick(outer.columns);
    const match = dice.pick([...inner.columns.filter(({ type }) => type === column.type), inner.key]);
    const chosen = dice.pick(inner.columns);
    const where = dice.once(2) ? [] : [' WHERE ', ...this.condition(visible(outer.columns, outer, 'x.'), 1)];
    switch (dice.below(4)) {
      case 0:
        return this.#ordered(
          [
            `SELECT x.${column.name}, (SELECT count(*) FROM ${inner.name} i WHERE i.${match.name} = x.${column.name}) FROM ${outer.name} x`,
            ...where,
          ],
          2,
        );
      case 1:
        return this.#ordered(
          [
            `SELECT x.${column.name}, l.v FROM ${outer.name} x, LATERAL (SELECT i.${chosen.name} AS v FROM ${inner.name} i WHERE i.${match.name} = x.${column.name} ORDER BY 1 LIMIT 2) l`,
            ...where,
          ],
          2,
        );
      case 2:
        return {
          pieces: [
            `SELECT DISTINCT ON (${column.name}) ${column.name}, ${outer.key.name} FROM ${outer.name} x`,
            ...where,
            ` ORDER BY ${column.name}, ${outer.key.name}`,
          ],
          ordered: true,
        };
      default:
        return {
          pieces: [
            `WITH w AS (SELECT x.* FROM ${outer.name} x`,
            ...where,
            `) SELECT count(*), min(w.${column.name}::text) FROM w JOIN ${inner.name} i ON i.${match.name} = w.${column.name}`,
          ],
          ordered: false,
        };
    }
  }

  #compound(): RandomQuery {
    const dice = this.#dice;
    const column = dice.pick(dice.pick(this.#tables).columns);
    const side = (): readonly Piece[] => {
      const table = dice.pick(this.#tables.filter((each) => each.columns.some(({ type }) => type === column.type)));
      const chosen = dice.pick(table.columns.filter(({ type }) => type === column.type));
      const where = dice.once(2) ? [] : [' WHERE ', ...this.conditionOn(table)];
      return [`SELECT ${chosen.name} FROM ${table.name}`, ...where];
    };
    const operator = dice.pick([' UNION ', ' UNION ALL ', ' INTERSECT ', ' EXCEPT ']);
    if (dice.once(3)) {
      return { pieces: ['WITH w AS (', ...side(), ') SELECT count(*) FROM w'], ordered: false };
    }
    return this.#ordered([...side(), operator, ...side()], 1);
  }
}

function visible(columns: readonly RandomColumn[], table: RandomTable, prefix: string): Visible[] {
  return columns.map((column) => ({ sql: `${prefix}${column.name}`, type: column.type, isKey: column === table.key }));
}

function count(dice: Dice, most: number): Value {
  return { type: 'bigint', text: String(dice.below(most)), nullable: false, explicit: false };
}

export function separated(values: readonly Piece[]): Piece[] {
  return values.flatMap((value, index) => (index === 0 ? [value] : [', ', value]));
}
