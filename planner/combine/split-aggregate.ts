/**
 * Aggregates in two halves: what each shard makes of its rows, and what is made of the shards' halves. Only such as come
 * out exactly as PostgreSQL would have them over all rows: sums of floats depend on the order, so they are none.
 */

import type { FuncCall } from 'libpg-query';

import { typeOid } from '../../catalog/type-oid.js';
import { builtinTypeName } from '../postgres/key-family.js';
import { functionTraits } from '../code/functions.js';
import { orderTypeOf } from '../scatter/order-types.js';
import type { SqlPiece } from '../plan/plan.js';
import { verbatim, type Level, type ShippedColumn } from './push-level.js';
import type { DeclaredType, ValueType } from '../bind/query.js';
import type { Extent } from '../tree/select-text.js';
import { functionName, someNode } from '../tree/tree.js';
import { bareType, extremeType, typeOf } from '../bind/value-types.js';

export interface SplitAggregate {
  readonly extent: Extent;
  /** Computed by each shard for each group. */
  readonly states: readonly ShippedColumn[];
  /** A DISTINCT aggregate's argument: the shards group by it too, and each of its values is shipped once a shard. */
  readonly distinct: ShippedColumn | undefined;
  /** The aggregate over what was shipped, given the names of these columns. */
  readonly combine: (columns: readonly string[]) => string;
}

const int8 = builtinDeclared(typeOid.int8, true);
const numeric = builtinDeclared(typeOid.numeric, false);
const bool = builtinDeclared(typeOid.bool, true);

function builtinDeclared(oid: number, exact: boolean): DeclaredType {
  return { typeOid: oid, baseTypeOid: oid, typeName: builtinTypeName(oid) ?? '', collation: undefined, exact };
}

/** The parts of a call's text. */
interface CallText {
  readonly extent: Extent;
  /** Between the parentheses, without DISTINCT. */
  readonly arguments: Extent;
  /** The condition of FILTER. */
  readonly filter: Extent | undefined;
}

function callText(call: FuncCall, { binder: { text } }: Level): CallText | undefined {
  const first = text.tokenIndexAt(call.location ?? 0);
  let open = first + 1;
  while (text.word(open) === '.') open += 2;
  if (text.word(open) !== '(') return undefined;
  const close = text.closingIndex(open);
  const isMarked = text.word(open + 1) === 'distinct' || text.word(open + 1) === 'all';
  const start = isMarked ? open + 2 : open + 1;
  const hasFilter = text.word(close + 1) === 'filter' && text.word(close + 2) === '(';
  const end = hasFilter ? text.closingIndex(close + 2) : close;
  return {
    extent: { start: text.startOf(first), end: text.endOf(end) },
    arguments: { start: text.startOf(start), end: text.endOf(close - 1) },
    // FILTER (WHERE condition)
    filter: hasFilter ? { start: text.startOf(close + 4), end: text.endOf(end - 1) } : undefined,
  };
}

/** Undefined for an aggregate that needs all rows. */
export function splitAggregate(call: FuncCall, level: Level): SplitAggregate | undefined {
  const { schema, name } = functionName(call);
  if (
    (schema ?? 'pg_catalog') !== 'pg_catalog' ||
    functionTraits({ schema, name }, level.binder.context)?.builtin !== true
  )
    return undefined;
  if ((call.agg_order?.length ?? 0) > 0 || call.agg_within_group === true || call.func_variadic === true)
    return undefined;
  if (someNode([call.args, call.agg_filter], (node) => 'SubLink' in node)) return undefined;
  const written = callText(call, level);
  if (written === undefined) return undefined;
  if (call.agg_star === true) return name === 'count' ? countOf(['*'], written, level) : undefined;
  const argument = call.args?.[0];
  if (argument === undefined || call.args?.length !== 1) return undefined;
  const known = typeOf(argument, level.scope);
  const type = known?.declared === undefined ? undefined : known;
  const sql = verbatim(level, written.arguments);
  if (call.agg_distinct === true && (name === 'count' || name === 'sum' || name === 'avg')) {
    return distinctOf(name, sql, type, written, level);
  }
  return name === 'count' ? countOf(sql, written, level) : plainOf(name, sql, type, written, level);
}

function state(
  name: string,
  sql: readonly SqlPiece[],
  type: DeclaredType,
  { filter }: CallText,
  level: Level,
): ShippedColumn {
  const condition: readonly SqlPiece[] =
    filter === undefined ? [] : [' FILTER (WHERE ', ...verbatim(level, filter), ')'];
  return { sql: [`pg_catalog.${name}(`, ...sql, ')', ...condition], type };
}

function countOf(sql: readonly SqlPiece[], written: CallText, level: Level): SplitAggregate {
  return {
    extent: written.extent,
    states: [state('count', sql, int8, written, level)],
    distinct: undefined,
    combine: ([count = '']) => `(coalesce(pg_catalog.sum(${count}), 0)::pg_catalog.int8)`,
  };
}

function plainOf(
  name: string,
  sql: readonly SqlPiece[],
  type: ValueType | undefined,
  written: CallText,
  level: Level,
): SplitAggregate | undefined {
  const made = (
    states: readonly (readonly [name: string, type: DeclaredType])[],
    combine: SplitAggregate['combine'],
  ): SplitAggregate => ({
    extent: written.extent,
    states: states.map(([each, declared]) => state(each, sql, declared, written, level)),
    distinct: undefined,
    combine,
  });
  const same = (declared: DeclaredType): SplitAggregate =>
    made([[name, declared]], ([column = '']) => `pg_catalog.${name}(${column})`);
  const sum = sumOf(type);
  const base = type?.baseTypeOid;
  switch (name) {
    case 'sum':
      if (sum === undefined) return undefined;
      return made([['sum', sum]], ([column = '']) =>
        sum === int8 ? `(pg_catalog.sum(${column})::pg_catalog.int8)` : `pg_catalog.sum(${column})`,
      );
    case 'avg':
      if (sum === undefined) return undefined;
      // As numeric_avg() and int8_avg() divide: the sum, in numeric, by the count.
      return made(
        [
          ['sum', sum],
          ['count', int8],
        ],
        ([total = '', count = '']) => `(pg_catalog.sum(${total}) / nullif(pg_catalog.sum(${count}), 0))`,
      );
    case 'min':
    case 'max': {
      const extreme = typeOfExtreme(type);
      return extreme === undefined ? undefined : same(extreme);
    }
    case 'bool_and':
    case 'bool_or':
    case 'every':
      return same(bool);
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor': {
      const isInteger = base === typeOid.int2 || base === typeOid.int4 || base === typeOid.int8;
      const declared = bareType(type)?.declared;
      return isInteger && declared !== undefined ? same(declared) : undefined;
    }
    default:
      return undefined;
  }
}

/** The type of a sum that does not depend on the order; undefined for others. */
function sumOf(type: ValueType | undefined): DeclaredType | undefined {
  switch (type?.baseTypeOid ?? 0) {
    case typeOid.int2:
    case typeOid.int4:
      return int8;
    case typeOid.int8:
    case typeOid.numeric:
      return numeric;
    default:
      return undefined;
  }
}

function typeOfExtreme(type: ValueType | undefined): DeclaredType | undefined {
  if (type === undefined || type.textOrder === 'nondeterministic') return undefined;
  if (orderTypeOf(type) === undefined) return undefined;
  return extremeType(type)?.declared;
}

/** `sum(DISTINCT x) FILTER (WHERE c)`: NULLs do not count, so x is NULL where c does not hold. */
function distinctOf(
  name: 'count' | 'sum' | 'avg',
  sql: readonly SqlPiece[],
  type: ValueType | undefined,
  { extent, filter }: CallText,
  level: Level,
): SplitAggregate | undefined {
  if (type?.declared === undefined || orderTypeOf(type) === undefined) return undefined;
  // Which of several equal values is added matters where they differ: 1.0 and 1.00.
  if (name !== 'count' && (sumOf(type) === undefined || !type.declared.exact)) return undefined;
  const value: readonly SqlPiece[] =
    filter === undefined ? sql : ['CASE WHEN ', ...verbatim(level, filter), ' THEN ', ...sql, ' END'];
  return {
    extent,
    states: [],
    distinct: { sql: value, type: type.declared },
    combine: ([column = '']) => `pg_catalog.${name}(DISTINCT ${column})`,
  };
}
