/** What the random writes are made of: values, expressions, lists of columns, sources of rows. */

import type { Dice } from '../dice.js';
import { QueryMaker, separated, type Piece } from '../random-query.js';
import { isNumber, literalSql, randomValue, type TypeName, type Value } from '../random-values.js';
import { comparable, visibleTable, type WriteColumn, type WriteTable } from './model.js';

const DAY_MS = 86_400_000;

export class Parts {
  readonly dice: Dice;
  readonly tables: readonly WriteTable[];
  readonly queries: QueryMaker;

  constructor(dice: Dice, tables: readonly WriteTable[]) {
    this.dice = dice;
    this.tables = tables;
    this.queries = new QueryMaker(dice, tables.map(visibleTable));
  }

  table(): WriteTable {
    return this.dice.pick(this.tables);
  }

  /** A value; `most` is given where there shall be many different ones. */
  value(column: { readonly type: TypeName; readonly nullable: boolean }, most = 0): Value {
    if (most === 0 || column.type === 'bool') return randomValue(this.dice, column.type, column.nullable);
    return {
      type: column.type,
      text: this.#wide(column.type, this.dice.below(most)),
      nullable: false,
      explicit: false,
    };
  }

  #wide(type: TypeName, number: number): string {
    switch (type) {
      case 'text':
      case 'varchar(20)':
        return `w${number}`;
      case 'uuid':
        return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
      case 'date':
        return new Date(number * DAY_MS).toISOString().slice(0, 10);
      case 'timestamptz':
        return `${new Date(number * DAY_MS).toISOString().slice(0, 10)} 00:00:00+00`;
      case 'numeric':
        return `${number}.50`;
      case 'smallint':
        return String(number % 30_000);
      default:
        return String(number);
    }
  }

  /** An expression of the column's type over columns that the statement sees. */
  expression(type: TypeName, seen: readonly { readonly sql: string; readonly type: TypeName }[]): readonly Piece[] {
    const { dice } = this;
    const same = seen.filter((each) => each.type === type);
    if (same.length === 0 || dice.once(3)) return [{ ...this.value({ type, nullable: false }), explicit: true }];
    const { sql } = dice.pick(same);
    if (dice.once(3)) return [sql];
    if (type === 'text')
      return [dice.pick([`${sql} || '!'`, `upper(${sql})`, `coalesce(${sql}, 'none')`, `left(${sql}, 3)`])];
    if (isNumber(type) && type !== 'smallint') return [dice.pick([`${sql} + 1`, `-${sql}`, `coalesce(${sql}, 0)`])];
    return [dice.pick([`coalesce(${sql}, ${sql})`, `CASE WHEN ${sql} IS NULL THEN ${sql} ELSE ${sql} END`])];
  }

  /** The columns of an INSERT: all that must have a value, and some that may. */
  insertColumns(table: WriteTable): readonly WriteColumn[] {
    const { dice } = this;
    const careless = dice.once(40);
    const chosen = table.columns.filter(
      (column) =>
        column.kind === 'plain' &&
        ((!column.nullable && !column.hasDefault && !careless) ||
          (table.keys.includes(column) && dice.below(8) > 0) ||
          dice.below(3) > 0),
    );
    return chosen.length > 0 ? chosen : table.columns.filter(({ kind }) => kind === 'plain');
  }

  /** RETURNING, or nothing. `alias` qualifies the columns where the statement sees others too. */
  returning(table: WriteTable, alias: string, always = false): string {
    const { dice } = this;
    if (!always && dice.below(3) > 0) return '';
    return ` RETURNING ${this.outputs(table, alias).join(', ')}`;
  }

  outputs(table: WriteTable, alias: string): readonly string[] {
    const { dice } = this;
    const columns = comparable(table);
    const prefix = alias === '' ? '' : `${alias}.`;
    if (columns.length === table.columns.length && dice.once(3)) return [`${prefix}*`];
    return dice.some(4, () => {
      const { name, type } = dice.pick(columns);
      const sql = `${prefix}${name}`;
      if (!dice.once(4)) return sql;
      if (type === 'text') return `length(${sql}) AS l`;
      return isNumber(type) && type !== 'smallint' ? `${sql} + 1 AS more` : `${sql} IS NULL AS missing`;
    });
  }

  /** A condition on a table that the statement calls by this name. */
  condition(table: WriteTable, alias: string, depth = 1): readonly Piece[] {
    const prefix = alias === '' ? '' : `${alias}.`;
    const columns = comparable(table).map((column) => ({
      sql: `${prefix}${column.name}`,
      type: column.type,
      isKey: column === table.key,
    }));
    return this.queries.condition(columns, depth);
  }

  /** Columns of two tables that can be compared, those on the keys first in chance. */
  pairs(left: WriteTable, right: WriteTable): readonly { readonly left: WriteColumn; readonly right: WriteColumn }[] {
    const all = comparable(left).flatMap((one) =>
      comparable(right)
        .filter((other) => other.type === one.type)
        .map((other) => ({ left: one, right: other })),
    );
    const onKeys = all.filter((pair) => pair.left === left.key && pair.right === right.key);
    return onKeys.length > 0 && this.dice.below(3) > 0 ? onKeys : all;
  }

  /** A table whose rows are told apart by one column that can be compared with the given table. */
  uniqueSource(
    target: WriteTable,
  ): { readonly table: WriteTable; readonly pair: { left: WriteColumn; right: WriteColumn } } | undefined {
    const found = this.dice.shuffle(this.tables).flatMap((table) => {
      const [only, second] = table.primary;
      if (only === undefined || second !== undefined || only.kind === 'opaque') return [];
      const pairs = this.pairs(target, table).filter((pair) => pair.right.name === only.name);
      return pairs.length === 0 ? [] : [{ table, pair: this.dice.pick(pairs) }];
    });
    return found[0];
  }

  literal(type: TypeName): string {
    return literalSql(this.dice, { ...this.value({ type, nullable: false }), explicit: true });
  }
}

export function listed(items: readonly (readonly Piece[])[]): readonly Piece[] {
  return items.flatMap((item, index) => (index === 0 ? item : [', ', ...item]));
}

export { separated };
