/** Random expressions and conditions over the columns in scope. None of them can fail when it is evaluated. */

import type { Choices } from './choices.js';
import { comparableTypes, hasMaximum, isComparable, isExotic, literalOf, words, type ColumnType } from './types.js';

export interface SqlColumn {
  readonly sql: string;
  readonly type: ColumnType;
}

/** What a place in a query can refer to. */
export interface Names {
  readonly columns: readonly SqlColumn[];
  /** Columns of the levels around. */
  readonly outer: readonly SqlColumn[];
}

export interface ParameterValue {
  readonly type: ColumnType;
  readonly literal: string;
}

/** What the expressions need of the query generator. */
export interface Subqueries {
  readonly choices: Choices;
  /** How deep subqueries may still nest at this place. */
  readonly room: number;
  /** A query of one column. */
  columnOf(type: ColumnType, names: Names): string;
  /** A query of one column and at most one row. */
  scalarOf(type: ColumnType, names: Names): string;
  /** The name of a parameter with that value, or undefined when values are to be literals. */
  parameter(value: ParameterValue): string | undefined;
}

function isArray(type: ColumnType): boolean {
  return type.endsWith('[]') || type.endsWith('vector');
}

export class Expressions {
  readonly #choices: Choices;
  readonly #queries: Subqueries;

  constructor(queries: Subqueries) {
    this.#choices = queries.choices;
    this.#queries = queries;
  }

  /** Types that can be compared, mostly of columns that are there. */
  typesIn(names: Names): readonly ColumnType[] {
    const own = names.columns.map(({ type }) => type).filter(isComparable);
    return own.length > 0 && this.#choices.percent(75) ? own : comparableTypes;
  }

  literal(type: ColumnType): string {
    const literal = literalOf(type, this.#choices.integer(56));
    if (this.#choices.percent(12)) {
      const parameter = this.#queries.parameter({ type, literal });
      if (parameter !== undefined) return parameter;
    }
    const isTyped = type === 'float8' || (literal.startsWith("'") && type !== 'text');
    return isTyped ? `${literal}::${type}` : literal;
  }

  /** A column of the type, mostly of the own level. */
  column(type: ColumnType, names: Names): string | undefined {
    const own = names.columns.filter((column) => column.type === type);
    const outer = names.outer.filter((column) => column.type === type);
    if (outer.length > 0 && (own.length === 0 || this.#choices.percent(25))) return this.#choices.pick(outer).sql;
    return own.length > 0 ? this.#choices.pick(own).sql : undefined;
  }

  value(type: ColumnType, names: Names, depth = 2): string {
    const column = this.column(type, names);
    const kind = this.#choices.integer(depth > 0 ? 10 : 5);
    if (kind < 4 && column !== undefined) return column;
    if (kind < 5 || depth <= 0) return column === undefined || this.#choices.percent(50) ? this.literal(type) : column;
    const inner = (of: ColumnType): string => this.value(of, names, depth - 1);
    if (kind === 5) return `coalesce(${inner(type)}, ${inner(type)})`;
    if (kind === 6) return `CASE WHEN ${this.condition(names, depth - 1)} THEN ${inner(type)} ELSE ${inner(type)} END`;
    if (kind === 7 && this.#queries.room > 0) return `(${this.#queries.scalarOf(type, names)})`;
    if (type === 'text' && this.#choices.percent(20)) {
      const exotic = names.columns.filter((other) => isExotic(other.type));
      // An xml value has no cast to text, but concatenation takes any type.
      if (exotic.length > 0) return `concat(${this.#choices.pick(exotic).sql})`;
    }
    return this.#call(type, inner);
  }

  #call(type: ColumnType, inner: (type: ColumnType) => string): string {
    const { pick } = { pick: <T>(items: readonly T[]): T => this.#choices.pick(items) };
    switch (type) {
      case 'int4':
        return pick([
          () => `(${inner('int4')} + ${inner('int4')})`,
          () => `abs(${inner('int4')})`,
          () => `length(${inner('text')})`,
          () => `cardinality(${inner('int4[]')})`,
          () => `extract(day FROM ${inner('date')})::int4`,
          () => `nullif(${inner('int4')}, ${inner('int4')})`,
          () => `(${inner('int8')} % 5)::int4`,
        ])();
      case 'int8':
        return pick([
          () => `(${inner('int8')} - ${inner('int4')})`,
          () => `${inner('int4')}::int8`,
          () => `greatest(${inner('int8')}, ${inner('int8')})`,
        ])();
      case 'numeric':
        return pick([
          () => `(${inner('numeric')} * ${inner('int4')})`,
          () => `round(${inner('numeric')}, 1)`,
          () => `${inner('int4')}::numeric`,
        ])();
      case 'text':
        return pick([
          () => `(${inner('text')} || ${inner('text')})`,
          () => `upper(${inner('text')})`,
          () => `left(${inner('text')}, 2)`,
          () => `${inner('int4')}::text`,
          () => `(${inner('jsonb')} ->> 'k')`,
          () => `concat_ws('-', ${inner('text')}, ${inner('int8')})`,
        ])();
      case 'date':
        return pick([
          () => `(${inner('date')} + ${inner('int4')})`,
          () => `least(${inner('date')}, ${inner('date')})`,
        ])();
      case 'bool':
        return pick([
          () => `(${inner('int4')} < ${inner('int4')})`,
          () => `(${inner('text')} IS NOT NULL)`,
          () => `(${inner('bool')} OR ${inner('bool')})`,
        ])();
      case 'jsonb':
        return pick([
          () => `to_jsonb(${inner('int4')})`,
          () => `jsonb_build_array(${inner('text')}, ${inner('int4')})`,
        ])();
      case 'float8':
        return pick([() => `(${inner('float8')} * 2)`, () => `${inner('int4')}::float8`])();
      case 'int4[]':
        return pick([
          () => `(${inner('int4[]')} || ${inner('int4')})`,
          () => `ARRAY[${inner('int4')}, ${inner('int4')}]`,
        ])();
      default:
        return isComparable(type)
          ? pick([
              () => `nullif(${inner(type)}, ${inner(type)})`,
              () => `greatest(${inner(type)}, ${inner(type)})`,
              // Arrays of different sizes are no array together.
              () => (isArray(type) ? inner(type) : `(ARRAY[${inner(type)}, ${inner(type)}])[2]`),
            ])()
          : `coalesce(${inner(type)}, ${inner(type)})`;
    }
  }

  /** A condition; mostly on a column of the level. */
  condition(names: Names, depth = 2): string {
    const subject = names.columns.length > 0 ? this.#choices.pick(names.columns) : undefined;
    const type = subject?.type ?? 'int4';
    const left = subject?.sql ?? this.literal('int4');
    const kind = isComparable(type) ? this.#choices.integer(depth > 0 ? 20 : 10) : 5;
    const inner = (): string => this.condition(names, depth - 1);
    switch (kind) {
      case 0:
      case 1:
        return `${left} = ${this.literal(type)}`;
      case 2:
      case 3:
        return `${left} = ${this.value(type, names, 1)}`;
      case 4:
        return `${left} ${this.#choices.pick(['<', '>=', '<>'])} ${this.value(type, names, 1)}`;
      case 5:
        return `${left} IS ${this.#choices.pick(['', 'NOT '])}NULL`;
      case 6:
        return `${left} IN (${this.literal(type)}, ${this.literal(type)})`;
      case 7:
        return `${left} IS ${this.#choices.pick(['', 'NOT '])}DISTINCT FROM ${this.value(type, names, 0)}`;
      case 8:
        return type === 'text'
          ? `${left} LIKE '${this.#choices.pick(words).replaceAll("'", "''")}%'`
          : `${left} BETWEEN ${this.literal(type)} AND ${this.literal(type)}`;
      case 9:
        return `${left} = ANY (ARRAY[${this.literal(type)}, ${this.literal(type)}])`;
      case 10:
      case 11:
        return `(${inner()} AND ${inner()})`;
      case 12:
        return `(${inner()} OR ${inner()})`;
      case 13:
        return `NOT (${inner()})`;
      default:
        return this.#queries.room > 0 ? this.#subqueryCondition(kind, left, type, names) : `${left} IS NOT NULL`;
    }
  }

  #subqueryCondition(kind: number, left: string, type: ColumnType, names: Names): string {
    const negated = this.#choices.pick(['', '', 'NOT ']);
    switch (kind) {
      case 14:
      case 15:
        return `${left} ${negated}IN (${this.#queries.columnOf(type, names)})`;
      case 16:
      case 17:
        return `${negated}EXISTS (${this.#queries.columnOf(type, names)})`;
      case 18:
        return `${left} ${this.#choices.pick(['= ANY', '< ANY', '>= ALL', '<> ALL'])} (${this.#queries.columnOf(type, names)})`;
      default:
        return `${left} = (${this.#queries.scalarOf(type, names)})`;
    }
  }

  /** An aggregate whose result does not depend on the order of the rows. */
  aggregate(names: Names): SqlColumn {
    const filter = this.#choices.percent(15) ? ` FILTER (WHERE ${this.condition(names, 0)})` : '';
    const number = (): string => this.value(this.#choices.pick<ColumnType>(['int4', 'int8', 'numeric']), names, 1);
    const integer = (): string => this.value('int4', names, 1);
    const distinct = this.#choices.pick(['', '', 'DISTINCT ']);
    const made = this.#choices.pick<() => SqlColumn>([
      () => ({ sql: 'count(*)', type: 'int8' }),
      () => ({ sql: `sum(${distinct}${integer()})`, type: 'int8' }),
      () => ({
        sql: `count(${distinct}${this.value(this.#choices.pick(this.typesIn(names)), names, 1)})`,
        type: 'int8',
      }),
      () => ({ sql: `max(${integer()})`, type: 'int4' }),
      () => ({ sql: `min(${this.value('text', names, 1)})`, type: 'text' }),
      () => ({ sql: `sum(${this.value('numeric', names, 1)})`, type: 'numeric' }),
      () => ({ sql: `avg(${distinct}${number()})`, type: 'numeric' }),
      () => ({ sql: `bool_or(${this.value('bool', names, 1)})`, type: 'bool' }),
      () => this.#ordered(names, distinct),
      () => this.#maximum(names),
      () => ({ sql: `percentile_cont(0.5) WITHIN GROUP (ORDER BY ${this.value('int4', names, 1)})`, type: 'float8' }),
      () => ({ sql: `percentile_disc(0.25) WITHIN GROUP (ORDER BY ${this.value('text', names, 0)})`, type: 'text' }),
      () => ({ sql: `mode() WITHIN GROUP (ORDER BY ${integer()})`, type: 'int4' }),
      () => ({ sql: `rank(2) WITHIN GROUP (ORDER BY ${integer()} DESC)`, type: 'int8' }),
      () => ({ sql: `variance(${integer()})`, type: 'numeric' }),
      () => ({ sql: `max(${this.value('date', names, 1)})`, type: 'date' }),
    ])();
    return { sql: made.sql + filter, type: made.type };
  }

  /** Of any type that has one, or the values in order. */
  #maximum(names: Names): SqlColumn {
    const of = names.columns.filter(({ type }) => isComparable(type));
    const { sql, type } = of.length > 0 ? this.#choices.pick(of) : { sql: '1', type: 'int4' as const };
    if (hasMaximum(type)) return { sql: `${this.#choices.pick(['max', 'min'])}(${sql})`, type };
    return { sql: `array_agg(${sql} ORDER BY ${sql})::text`, type: 'text' };
  }

  #ordered(names: Names, distinct: string): SqlColumn {
    const text = this.value('text', names, 0);
    const number = this.value('int4', names, 0);
    const direction = this.#choices.pick(['', ' DESC', ' NULLS FIRST']);
    return this.#choices.pick<SqlColumn>([
      { sql: `string_agg(${distinct}${text}, ',' ORDER BY ${text}${distinct === '' ? direction : ''})`, type: 'text' },
      { sql: `array_agg(${distinct}${number} ORDER BY ${number}${direction})`, type: 'int4[]' },
      { sql: `jsonb_agg(${distinct}${number} ORDER BY ${number})`, type: 'jsonb' },
    ]);
  }
}
