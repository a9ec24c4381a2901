/**
 * Writes conditions anew from their trees, with other names for their columns: DESIGN.md's rule for SQL that is not the
 * client's own text. What is printed is parsed again, and must give the tree that it was printed from.
 */

import type { A_Expr, Node, TypeName } from 'libpg-query';

import { PgError } from '../../base/errors.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import type { PlanContext } from '../tree/context.js';
import { effectOf } from '../code/functions.js';
import { parseStatements } from '../parse/parser.js';
import { fill, noPieces } from '../parse/splice.js';
import type { SqlPiece } from '../plan/plan.js';
import type { StatementText } from '../tree/text.js';
import {
  functionName,
  integerConstant,
  nameParts,
  operatorName,
  selectOf,
  treeText,
  typeNameParts,
} from '../tree/tree.js';

/** The SQL of a column; undefined for one that must not occur. */
type ColumnPrinter = (reference: Extract<Node, { ColumnRef: unknown }>['ColumnRef']) => string | undefined;

/** What is written around and between the parts of an expression; undefined for what is not printed. */
type Printed = readonly SqlPiece[] | undefined;

/**
 * The condition with its columns as the printer gives them; undefined when it holds anything that might not mean the
 * same elsewhere: subqueries, functions that are not immutable, operators and types of the user's.
 */
export function printCondition(
  condition: Node,
  column: ColumnPrinter,
  context: PlanContext,
  text: StatementText,
): readonly SqlPiece[] | undefined {
  // Most conditions hold a column that must not occur: that is seen at once, the rest costs a parse.
  const printed = new Printer(column, context, text).print(condition);
  if (printed === undefined) return undefined;
  let same = sameMeaning.get(condition);
  if (same === undefined) {
    const asWritten = new Printer((reference) => writtenColumn(reference), context, text).print(condition);
    same = asWritten !== undefined && meansTheSame(asWritten, condition, text);
    sameMeaning.set(condition, same);
  }
  return same ? printed : undefined;
}

/** What the check has said of a tree: it is the same for every relation that the condition is printed for. */
const sameMeaning = new WeakMap<Node, boolean>();

function writtenColumn(reference: Parameters<ColumnPrinter>[0]): string | undefined {
  const parts = nameParts(reference.fields);
  return parts.length === reference.fields?.length ? parts.map(quoteIdentifier).join('.') : undefined;
}

function meansTheSame(pieces: readonly SqlPiece[], condition: Node, text: StatementText): boolean {
  const sql = `SELECT WHERE ${fill(pieces, { ...noPieces, slotText: (slot) => text.slotText(slot) })}`;
  try {
    const parsed = selectOf(parseStatements(sql)[0]?.node)?.whereClause;
    return parsed !== undefined && treeText(parsed) === treeText(condition);
  } catch (error) {
    if (error instanceof PgError) return false;
    throw error;
  }
}

/** PostgreSQL's own operators that compute from their operands alone. */
const operators: ReadonlySet<string> = new Set(
  '= <> < <= > >= + - * / % || ~~ !~~ ~~* !~~* ~ !~ ~* !~* & | # && @> <@ ^ -> ->> #> #>> ?'.split(' '),
);

const infix: Readonly<Record<string, (operator: string) => string>> = {
  AEXPR_OP: (operator) => operator,
  AEXPR_DISTINCT: () => 'IS DISTINCT FROM',
  AEXPR_NOT_DISTINCT: () => 'IS NOT DISTINCT FROM',
  AEXPR_LIKE: (operator) => (operator === '~~' ? 'LIKE' : 'NOT LIKE'),
  AEXPR_ILIKE: (operator) => (operator === '~~*' ? 'ILIKE' : 'NOT ILIKE'),
};

const between: Readonly<Record<string, string>> = {
  AEXPR_BETWEEN: 'BETWEEN',
  AEXPR_NOT_BETWEEN: 'NOT BETWEEN',
  AEXPR_BETWEEN_SYM: 'BETWEEN SYMMETRIC',
  AEXPR_NOT_BETWEEN_SYM: 'NOT BETWEEN SYMMETRIC',
};

const booleanTests: Readonly<Record<string, string>> = {
  IS_TRUE: 'IS TRUE',
  IS_NOT_TRUE: 'IS NOT TRUE',
  IS_FALSE: 'IS FALSE',
  IS_NOT_FALSE: 'IS NOT FALSE',
  IS_UNKNOWN: 'IS UNKNOWN',
  IS_NOT_UNKNOWN: 'IS NOT UNKNOWN',
};

class Printer {
  readonly #column: ColumnPrinter;
  readonly #context: PlanContext;
  readonly #text: StatementText;

  constructor(column: ColumnPrinter, context: PlanContext, text: StatementText) {
    this.#column = column;
    this.#context = context;
    this.#text = text;
  }

  /** Every operation stands in parentheses, so that no precedence matters. */
  print(node: Node | undefined): Printed {
    if (node === undefined) return undefined;
    if ('ColumnRef' in node) return joined([this.#column(node.ColumnRef)]);
    if ('ParamRef' in node) return [`$${node.ParamRef.number ?? 0}`];
    if ('A_Const' in node) return this.#constant(node.A_Const);
    if ('A_Expr' in node) return this.#operation(node.A_Expr);
    if ('BoolExpr' in node) {
      const { boolop, args } = node.BoolExpr;
      if (boolop === 'NOT_EXPR') return joined(['(NOT ', this.print(args?.[0]), ')']);
      return joined(['(', this.#list(args, boolop === 'AND_EXPR' ? ' AND ' : ' OR '), ')']);
    }
    if ('NullTest' in node) {
      const test = node.NullTest.nulltesttype === 'IS_NULL' ? ' IS NULL)' : ' IS NOT NULL)';
      return joined(['(', this.print(node.NullTest.arg), test]);
    }
    if ('BooleanTest' in node) {
      const test = booleanTests[node.BooleanTest.booltesttype ?? ''];
      return test === undefined ? undefined : joined(['(', this.print(node.BooleanTest.arg), ` ${test})`]);
    }
    if ('CoalesceExpr' in node) return joined(['COALESCE(', this.#list(node.CoalesceExpr.args, ', '), ')']);
    if ('MinMaxExpr' in node) {
      const name = node.MinMaxExpr.op === 'IS_LEAST' ? 'LEAST(' : 'GREATEST(';
      return joined([name, this.#list(node.MinMaxExpr.args, ', '), ')']);
    }
    if ('A_ArrayExpr' in node) return joined(['ARRAY[', this.#list(node.A_ArrayExpr.elements, ', '), ']']);
    if ('TypeCast' in node) {
      return joined(['(', this.print(node.TypeCast.arg), '::', this.#type(node.TypeCast.typeName), ')']);
    }
    return 'FuncCall' in node ? this.#call(node) : undefined;
  }

  #constant(constant: Extract<Node, { A_Const: unknown }>['A_Const']): Printed {
    if (constant.isnull === true) return ['NULL'];
    if (constant.boolval !== undefined) return [constant.boolval.boolval === true ? 'TRUE' : 'FALSE'];
    const slot = this.#text.slotAt(constant.location ?? 0);
    if (slot === undefined) return undefined;
    const piece = { kind: 'slot', slot: slot.slot } as const;
    return slot.negative ? ['(-', piece, ')'] : [piece];
  }

  #operation(expression: A_Expr): Printed {
    const { kind = '', lexpr, rexpr } = expression;
    const range = between[kind];
    if (range !== undefined) {
      const bounds = rexpr !== undefined && 'List' in rexpr ? rexpr.List.items : undefined;
      return joined(['(', this.print(lexpr), ` ${range} `, this.#list(bounds, ' AND '), ')']);
    }
    const operator = operatorName(expression.name);
    if (operator === undefined || !operators.has(operator)) return undefined;
    switch (kind) {
      case 'AEXPR_IN': {
        const items = rexpr !== undefined && 'List' in rexpr ? rexpr.List.items : undefined;
        return joined([
          '(',
          this.print(lexpr),
          operator === '=' ? ' IN (' : ' NOT IN (',
          this.#list(items, ', '),
          '))',
        ]);
      }
      case 'AEXPR_OP_ANY':
      case 'AEXPR_OP_ALL': {
        const quantifier = kind === 'AEXPR_OP_ANY' ? 'ANY' : 'ALL';
        return joined(['(', this.print(lexpr), ` ${operator} ${quantifier} (`, this.print(rexpr), '))']);
      }
      case 'AEXPR_NULLIF':
        return joined(['NULLIF(', this.print(lexpr), ', ', this.print(rexpr), ')']);
      default: {
        const word = infix[kind]?.(operator);
        if (word === undefined) return undefined;
        if (lexpr === undefined) return joined([`(${word} `, this.print(rexpr), ')']);
        return joined(['(', this.print(lexpr), ` ${word} `, this.print(rexpr), ')']);
      }
    }
  }

  #call(node: Extract<Node, { FuncCall: unknown }>): Printed {
    const call = node.FuncCall;
    const name = functionName(call);
    const traits = this.#context.catalog.functions('pg_catalog', name.name);
    const isPlain = effectOf(call, this.#context) === 'plain' && traits?.volatility === 'immutable';
    if (!isPlain || traits.kind !== 'function') return undefined;
    if (call.funcformat === 'COERCE_SQL_SYNTAX' && name.name === 'substring') {
      const [string, start, count] = call.args ?? [];
      const rest = count === undefined ? [] : [' FOR ', this.print(count)];
      return joined(['SUBSTRING(', this.print(string), ' FROM ', this.print(start), ...rest, ')']);
    }
    if (call.funcformat !== 'COERCE_EXPLICIT_CALL') return undefined;
    const names = nameParts(call.funcname).map(quoteIdentifier).join('.');
    return joined([`${names}(`, call.args === undefined ? [] : this.#list(call.args, ', '), ')']);
  }

  /** A type of PostgreSQL's own. What regclass and its like mean differs between servers. */
  #type(type: TypeName | undefined): Printed {
    const { schema, name } = typeNameParts(type);
    if (type === undefined || (schema !== undefined && schema !== 'pg_catalog') || name.startsWith('reg'))
      return undefined;
    if (type.setof === true || type.pct_type === true) return undefined;
    const bounds = '[]'.repeat(type.arrayBounds?.length ?? 0);
    const names = nameParts(type.names).map(quoteIdentifier).join('.');
    if (type.typmods === undefined) return [`${names}${bounds}`];
    if (schema === 'pg_catalog' && name === 'interval') return joined([intervalSql(type.typmods), bounds]);
    return joined([`${names}(`, this.#list(type.typmods, ', '), `)${bounds}`]);
  }

  #list(nodes: readonly Node[] | undefined, separator: string): Printed {
    if (nodes === undefined || nodes.length === 0) return undefined;
    return joined(nodes.flatMap((node, index) => [index === 0 ? [] : separator, this.print(node)]));
  }
}

/** All parts as one; undefined when one of them is. */
function joined(parts: readonly (string | Printed)[]): Printed {
  const pieces: SqlPiece[] = [];
  for (const part of parts) {
    if (part === undefined) return undefined;
    if (typeof part === 'string') pieces.push(part);
    else pieces.push(...part);
  }
  return pieces;
}

/** The fields that an interval keeps, by the bits of its modifier (timestamp.h, INTERVAL_MASK). */
const intervalFields: Readonly<Record<number, string>> = {
  2: 'MONTH',
  4: 'YEAR',
  6: 'YEAR TO MONTH',
  8: 'DAY',
  1024: 'HOUR',
  1032: 'DAY TO HOUR',
  2048: 'MINUTE',
  3072: 'HOUR TO MINUTE',
  3080: 'DAY TO MINUTE',
  4096: 'SECOND',
  6144: 'MINUTE TO SECOND',
  7168: 'HOUR TO SECOND',
  7176: 'DAY TO SECOND',
};

/** `interval '1' month`: its fields are words, for which the tree has a number without a place in the text. */
function intervalSql(modifiers: readonly Node[]): string | undefined {
  const [mask] = modifiers;
  if (modifiers.length !== 1 || mask === undefined || !('A_Const' in mask)) return undefined;
  const fields = intervalFields[integerConstant(mask.A_Const) ?? 0];
  return fields === undefined ? undefined : `INTERVAL ${fields}`;
}
