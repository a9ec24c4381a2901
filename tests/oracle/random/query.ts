/** Random SELECTs over the tables of tables.ts, each with an answer that is the same on every run. */

import type { Choices } from './choices.js';
import { Expressions, type Names, type ParameterValue, type SqlColumn, type Subqueries } from './expressions.js';
import { groupedBy, joinedOnKey } from './colocated.js';
import { identityOf, inside, numbered, plain, qualified, type From, type Source } from './sources.js';
import { windowCalls } from './windows.js';
import type { TestTable, TypedColumn } from './tables.js';
import { hasMaximum, isComparable, type ColumnType } from './types.js';

interface RandomQuery {
  readonly sql: string;
  readonly parameters: readonly ParameterValue[];
  /** The order of all rows is given. */
  readonly ordered: boolean;
}

interface Made {
  readonly sql: string;
  readonly columns: readonly TypedColumn[];
  readonly ordered: boolean;
}

interface CommonTable {
  readonly name: string;
  readonly columns: readonly TypedColumn[];
}

const MAXIMUM_DEPTH = 2;
const noNames: Names = { columns: [], outer: [] };

export function randomQuery(choices: Choices, tables: readonly TestTable[]): RandomQuery {
  return new Queries(choices, tables).query();
}

class Queries implements Subqueries {
  readonly choices: Choices;
  readonly #tables: readonly TestTable[];
  readonly #expressions: Expressions;
  readonly #parameters: ParameterValue[] = [];
  #withParameters = false;
  #depth = 0;
  #names = 0;
  #common: readonly CommonTable[] = [];

  constructor(choices: Choices, tables: readonly TestTable[]) {
    this.choices = choices;
    this.#tables = tables;
    this.#expressions = new Expressions(this);
  }

  get room(): number {
    return MAXIMUM_DEPTH - this.#depth;
  }

  parameter(value: ParameterValue): string | undefined {
    if (!this.#withParameters || this.#parameters.length >= 8) return undefined;
    this.#parameters.push(value);
    return `$${this.#parameters.length}::${value.type}`;
  }

  query(): RandomQuery {
    this.#withParameters = this.choices.percent(35);
    const withClause = this.choices.percent(22) ? this.#with() : '';
    const made = this.#select(noNames, undefined, true);
    // Expressions that were made and then left out take their parameters with them.
    const used: ParameterValue[] = [];
    const sql = (withClause + made.sql).replaceAll(/\$(\d+)::/g, (_, number: string) => {
      const value = this.#parameters[Number(number) - 1];
      if (value !== undefined && !used.includes(value)) used.push(value);
      return value === undefined ? 'NULL::' : `$${used.indexOf(value) + 1}::`;
    });
    return { sql, parameters: used, ordered: made.ordered };
  }

  columnOf(type: ColumnType, names: Names): string {
    return this.#nested(() => this.#select(inside(names), [type], false).sql);
  }

  scalarOf(type: ColumnType, names: Names): string {
    return this.#nested(() => {
      const from = this.#from(inside(names), 1);
      const scope = { columns: from.columns, outer: inside(names).outer };
      const value = this.#expressions.value(type, scope, 1);
      const where = this.#where(scope);
      if (hasMaximum(type) && this.choices.percent(60)) return `SELECT max(${value}) FROM ${from.sql}${where}`;
      const order = isComparable(type) ? '1' : `(${value})::text`;
      return `SELECT ${value} FROM ${from.sql}${where} ORDER BY ${order} LIMIT 1`;
    });
  }

  #nested<T>(make: () => T): T {
    this.#depth += 1;
    try {
      return make();
    } finally {
      this.#depth -= 1;
    }
  }

  #name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  #with(): string {
    const items: string[] = [];
    const recursive = this.choices.percent(30);
    for (let count = 1 + this.choices.integer(2); count > 0; count -= 1) {
      const name = this.#name('w');
      if (recursive && items.length === 0) {
        items.push(this.#recursive(name));
        continue;
      }
      const made = this.#nested(() => this.#select(noNames, undefined, false));
      const columns = made.columns.map((column, index) => ({ ...column, name: `c${index + 1}` }));
      const materialized = this.choices.pick(['', '', 'MATERIALIZED ', 'NOT MATERIALIZED ']);
      items.push(`${name} (${columns.map((column) => column.name).join(', ')}) AS ${materialized}(${made.sql})`);
      this.#common = [...this.#common, { name, columns }];
    }
    return `WITH ${recursive ? 'RECURSIVE ' : ''}${items.join(', ')} `;
  }

  #recursive(name: string): string {
    const source = this.#table();
    const columns: TypedColumn[] = [
      { name: 'n', type: 'int4' },
      { name: 'v', type: 'int4' },
    ];
    const scope: Names = { columns: qualified(source), outer: [] };
    const start = `SELECT 1, ${this.#expressions.value('int4', scope, 0)} FROM ${source.sql}${this.#where(scope)}`;
    const next = this.#table();
    const joined: Names = { columns: [...qualified(next), { sql: `${name}.v`, type: 'int4' }], outer: [] };
    const step = this.#expressions.value('int4', joined, 0);
    const on = this.#expressions.column('int4', { columns: qualified(next), outer: [] }) ?? '0';
    const body = `SELECT ${name}.n + 1, ${step} FROM ${name} JOIN ${next.sql} ON ${on} = ${name}.v WHERE ${name}.n < 3`;
    this.#common = [...this.#common, { name, columns }];
    return `${name} (n, v) AS (${start} UNION ${body})`;
  }

  /** A query; `want` gives its columns' types. At the top it may take any shape and order. */
  #select(outer: Names, want: readonly ColumnType[] | undefined, top: boolean): Made {
    const kind = this.choices.integer(24);
    if (kind >= 20) return this.#colocated(outer, want, top);
    if (kind === 19 && want !== undefined) return this.#values(want);
    if (kind >= 17 && this.room > 0) return this.#setOperation(outer, want, top);
    const from = this.#from(outer, 3 - this.#depth);
    const scope: Names = { columns: from.columns, outer: outer.outer };
    const where = this.#where(scope);
    if (kind >= 13 && kind < 17) return this.#grouped(scope, from, where, want, top);
    if (kind === 12 && want === undefined) return this.#windows(scope, from, where, top);
    if (kind === 11 && want === undefined) return this.#distinctOn(scope, from, where);
    if (kind === 10 && want === undefined && top) {
      return this.#finish(`SELECT * FROM ${from.sql}${where}`, from.columns.map(plain), top, 'no order');
    }
    const types = want ?? this.#types(scope);
    const values = types.map((type) => ({ sql: this.#expressions.value(type, scope), type }));
    const distinct = kind === 9 ? 'DISTINCT ' : '';
    return this.#finish(
      `SELECT ${distinct}${this.#targets(values, top)} FROM ${from.sql}${where}`,
      values.map(plain),
      top,
    );
  }

  /** What the shards can do by themselves: rows joined on their key, that are grouped without it, or cut. */
  #colocated(outer: Names, want: readonly ColumnType[] | undefined, top: boolean): Made {
    const from = joinedOnKey(this.choices, this.#tables, () => this.#name('q'));
    const scope: Names = { columns: from.columns, outer: outer.outer };
    const where = this.#where(scope);
    const kind = this.choices.integer(6);
    if (kind < 3) return this.#grouped(scope, from, where, want, top);
    if (kind === 3 && want === undefined) return this.#windows(scope, from, where, top);
    const columns = (want ?? this.#types(scope)).map((type) => {
      const fitting = from.columns.filter((column) => column.type === type);
      return fitting.length > 0 ? this.choices.pick(fitting) : { sql: this.#expressions.value(type, scope, 1), type };
    });
    const distinct = kind === 4 ? 'DISTINCT ' : '';
    return this.#finish(
      `SELECT ${distinct}${this.#targets(columns, top)} FROM ${from.sql}${where}`,
      columns.map(plain),
      top,
    );
  }

  #types(names: Names): readonly ColumnType[] {
    return Array.from({ length: 1 + this.choices.integer(3) }, () =>
      this.choices.pick(this.#expressions.typesIn(names)),
    );
  }

  /** The select list; below the top every column gets a name. */
  #targets(values: readonly SqlColumn[], top: boolean): string {
    return values
      .map(({ sql }, index) => (top && this.choices.percent(70) ? sql : `${sql} AS c${index + 1}`))
      .join(', ');
  }

  /** ORDER BY all columns makes a total order: rows that are alike may change places. */
  #finish(
    sql: string,
    columns: readonly TypedColumn[],
    top: boolean,
    may: 'any' | 'no ties' | 'no order' = 'any',
  ): Made {
    const named = columns.map((column, index) => ({ ...column, name: `c${index + 1}` }));
    const kind = this.choices.integer(10);
    if (may === 'no order' || kind < (top ? 3 : 7)) return { sql, columns: named, ordered: false };
    const order = columns.map(
      (_, index) => `${index + 1}${this.choices.pick(['', '', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}`,
    );
    const ordered = `${sql} ORDER BY ${order.join(', ')}`;
    if (kind < 7) return { sql: ordered, columns: named, ordered: true };
    if (kind === 9 && may === 'any') {
      const some = order.slice(0, 1 + this.choices.integer(order.length)).join(', ');
      const ties = `${sql} ORDER BY ${some} FETCH FIRST ${1 + this.choices.integer(5)} ROWS WITH TIES`;
      return { sql: ties, columns: named, ordered: false };
    }
    const offset = this.choices.percent(40) ? ` OFFSET ${this.choices.integer(4)}` : '';
    return { sql: `${ordered} LIMIT ${this.choices.integer(8)}${offset}`, columns: named, ordered: true };
  }

  #values(want: readonly ColumnType[]): Made {
    const rows = Array.from(
      { length: 1 + this.choices.integer(3) },
      () => `(${want.map((type) => `${this.#expressions.literal(type)}::${type}`).join(', ')})`,
    );
    return { sql: `VALUES ${rows.join(', ')}`, columns: numbered(want), ordered: false };
  }

  #setOperation(outer: Names, want: readonly ColumnType[] | undefined, top: boolean): Made {
    const types = want ?? this.#types(outer);
    const arm = (): string => this.#nested(() => `(${this.#select(outer, types, false).sql})`);
    const operator = this.choices.pick(['UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT', 'EXCEPT ALL', 'INTERSECT ALL']);
    return this.#finish(`${arm()} ${operator} ${arm()}`, numbered(types), top);
  }

  #grouped(scope: Names, from: From, where: string, want: readonly ColumnType[] | undefined, top: boolean): Made {
    const keys = Array.from({ length: this.choices.integer(3) }, () => {
      const groupable = scope.columns.filter(({ type }) => isComparable(type));
      const column = groupable.length > 0 ? this.choices.pick(groupable) : undefined;
      if (column === undefined) return { sql: '1', type: 'int4' as const };
      return this.choices.percent(25) ? groupedBy(column) : column;
    }).filter((key) => key.sql !== '1');
    const aggregates = Array.from({ length: 1 + this.choices.integer(2) }, () => this.#expressions.aggregate(scope));
    const available = [...keys, ...aggregates];
    const values =
      want === undefined
        ? available
        : want.map((type) => {
            const fitting = available.filter((column) => column.type === type);
            return fitting.length > 0 ? this.choices.pick(fitting) : { sql: `NULL::${type}`, type };
          });
    const names = [...new Set(keys.map((key) => key.sql))];
    const [first = '', second = first] = names;
    const group =
      names.length === 0
        ? ''
        : ` GROUP BY ${this.choices.pick([
            names.join(', '),
            names.join(', '),
            `ROLLUP (${names.join(', ')})`,
            `CUBE (${names.join(', ')})`,
            `GROUPING SETS ((${first}), (${second}), ())`,
          ])}`;
    const having = this.choices.percent(20)
      ? ` HAVING ${this.choices.pick(['count(*) > 1', `${aggregates[0]?.sql} IS NOT NULL`])}`
      : '';
    const sql = `SELECT ${this.#targets(values, top)} FROM ${from.sql}${where}${group}${having}`;
    // PostgreSQL 18 fails on `SELECT max(indexed) … WITH TIES`: its search in the index keeps the ties.
    return this.#finish(sql, values.map(plain), top, 'no ties');
  }

  #windows(scope: Names, from: From, where: string, top: boolean): Made {
    const shown = this.#types(scope).map((type) => ({ sql: this.#expressions.value(type, scope, 1), type }));
    const groupable = scope.columns.filter(({ type }) => isComparable(type));
    const partition =
      groupable.length > 0 && this.choices.percent(60) ? `PARTITION BY ${this.choices.pick(groupable).sql} ` : '';
    const order = this.#expressions.value(this.choices.pick<ColumnType>(['int4', 'text', 'int8']), scope, 0);
    const over = `(${partition}ORDER BY ${order}${this.choices.pick(['', ' DESC'])})`;
    const number = this.#expressions.value('int4', scope, 0);
    const functions = windowCalls(number, over, partition, order, from.identity);
    const values = [...shown, this.choices.pick(functions)];
    const named = values.some(({ sql }) => sql.endsWith('OVER win')) ? ` WINDOW win AS ${over}` : '';
    const sql = `SELECT ${this.#targets(values, top)} FROM ${from.sql}${where}${named}`;
    return this.#finish(sql, values.map(plain), top);
  }

  #distinctOn(scope: Names, from: From, where: string): Made {
    const values = this.#types(scope).map((type) => ({ sql: this.#expressions.value(type, scope, 1), type }));
    const list = values.map(({ sql }, index) => `${sql} AS c${index + 1}`).join(', ');
    const order = values.map((_, index) => `c${index + 1}`).join(', ');
    const sql = `SELECT DISTINCT ON (c1) ${list} FROM ${from.sql}${where} ORDER BY ${order}`;
    return { sql, columns: numbered(values.map(({ type }) => type)), ordered: true };
  }

  #where(scope: Names): string {
    return this.choices.percent(65) ? ` WHERE ${this.#expressions.condition(scope)}` : '';
  }

  #table(): Source {
    const table = this.choices.pick(this.#tables);
    const alias = this.#name('q');
    const identity = table.identity.length > 0 ? table.identity : undefined;
    return { sql: `${table.name} ${alias}`, alias, columns: table.columns, identity };
  }

  #source(outer: Names, lateral: readonly SqlColumn[] | undefined): Source {
    const kind = this.choices.integer(10);
    if (kind === 9 && this.#common.length > 0) {
      const common = this.choices.pick(this.#common);
      const alias = this.#name('q');
      return { sql: `${common.name} AS ${alias}`, alias, columns: common.columns, identity: undefined };
    }
    if (kind < 7 || this.room <= 0) return this.#table();
    const alias = this.#name('q');
    if (kind === 7) {
      const rows = this.choices.pick(['generate_series(1, 3)', "unnest('{1,2,2,NULL}'::int4[])"]);
      return { sql: `${rows} AS ${alias} (c1)`, alias, columns: numbered(['int4']), identity: undefined };
    }
    const isLateral = lateral !== undefined && this.choices.percent(40);
    const inner: Names = { columns: [], outer: isLateral ? [...outer.outer, ...lateral] : outer.outer };
    const made = this.#nested(() => this.#select(inner, undefined, false));
    const names = made.columns.map((column) => column.name).join(', ');
    const sql = `${isLateral ? 'LATERAL ' : ''}(${made.sql}) AS ${alias} (${names})`;
    return { sql, alias, columns: made.columns, identity: undefined };
  }

  #from(outer: Names, most: number): From {
    const first = this.#source(outer, undefined);
    let sql = first.sql;
    let columns = qualified(first);
    let identity = identityOf(first);
    for (let more = this.choices.integer(most); more > 0; more -= 1) {
      const next = this.#source(outer, columns);
      const kind = next.sql.startsWith('LATERAL')
        ? this.choices.pick(['JOIN', 'LEFT JOIN', 'CROSS JOIN'])
        : this.choices.pick([
            'JOIN',
            'LEFT JOIN',
            ',',
            'RIGHT JOIN',
            'FULL JOIN',
            'CROSS JOIN',
            'JOIN',
            'USING',
            'NATURAL',
          ]);
      sql = this.#join(sql, kind, next, columns, outer);
      columns = [...columns, ...qualified(next)];
      const other = identityOf(next);
      identity = identity === undefined || other === undefined ? undefined : [...identity, ...other];
    }
    return { sql, columns, identity };
  }

  #join(left: string, kind: string, next: Source, columns: readonly SqlColumn[], outer: Names): string {
    if (kind === 'CROSS JOIN') return `${left} CROSS JOIN ${next.sql}`;
    // The columns of a comma's left side are out of reach of a JOIN that follows.
    if (kind === ',') return `${left} CROSS JOIN ${next.sql}`;
    const own = qualified(next);
    const pairs = own.flatMap((right) =>
      columns
        .filter((column) => column.type === right.type && isComparable(right.type))
        .map((column) => ({ left: column, right })),
    );
    const shared = (name: string): boolean => columns.filter(({ sql }) => sql.endsWith(`.${name}`)).length === 1;
    const common = next.columns.filter(
      ({ name, type }) =>
        isComparable(type) &&
        shared(name) &&
        columns.some((column) => column.sql.endsWith(`.${name}`) && column.type === type),
    );
    if (kind === 'USING' && common.length > 0) {
      const name = this.choices.pick(common).name;
      return `${left} ${this.choices.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN'])} ${next.sql} USING (${name})`;
    }
    const isNatural =
      kind === 'NATURAL' &&
      next.columns.every(
        ({ name, type }) =>
          (isComparable(type) && shared(name)) || !columns.some(({ sql }) => sql.endsWith(`.${name}`)),
      );
    if (isNatural && common.length > 0) return `${left} NATURAL ${this.choices.pick(['', 'LEFT '])}JOIN ${next.sql}`;
    if (pairs.length === 0) return `${left} CROSS JOIN ${next.sql}`;
    const pair = this.choices.pick(pairs);
    const equal = `${pair.left.sql} = ${pair.right.sql}`;
    if (kind === 'FULL JOIN') return `${left} FULL JOIN ${next.sql} ON ${equal}`;
    const scope: Names = { columns: [...columns, ...own], outer: outer.outer };
    const more = this.choices.percent(30) ? ` AND ${this.#expressions.condition(scope, 1)}` : '';
    const join = kind === 'LEFT JOIN' || kind === 'RIGHT JOIN' ? kind : 'JOIN';
    return `${left} ${join} ${next.sql} ON ${equal}${more}`;
  }
}
