/** The types of expressions, as far as a merge needs them: undefined wherever the planner does not know for sure. */

import type { A_Const, A_Expr, CaseExpr, Node } from 'libpg-query';

import type { Column, TextOrder } from '../../catalog/schema.js';
import { builtinTypeName, isIntegerType } from '../postgres/key-family.js';
import { typeOid } from '../../catalog/type-oid.js';
import type { Scope, ValueType } from './query.js';
import { functionName, nameParts, operatorName } from '../tree/tree.js';
import { plainType } from '../tree/values.js';

const textTypes: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar, typeOid.bpchar, typeOid.name]);

/** Types whose equal values are alike in every byte. Text is, unless its collation is not deterministic. */
const exactTypes: ReadonlySet<number> = new Set([
  typeOid.bool,
  typeOid.bytea,
  typeOid.char,
  typeOid.name,
  typeOid.int8,
  typeOid.int2,
  typeOid.int4,
  typeOid.oid,
  typeOid.macaddr,
  typeOid.macaddr8,
  typeOid.date,
  typeOid.time,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.timetz,
  typeOid.uuid,
]);

/** The type of a table's column. */
export function columnType(column: Column): ValueType {
  const { baseTypeOid, textOrder, typeName, collation } = column;
  const isFixed = column.typeModifier >= 0 && (baseTypeOid === typeOid.numeric || baseTypeOid === typeOid.bpchar);
  const isText = baseTypeOid === typeOid.text || baseTypeOid === typeOid.varchar;
  const exact = textOrder !== 'nondeterministic' && (isText || isFixed || exactTypes.has(baseTypeOid));
  return { baseTypeOid, textOrder, declared: { typeOid: column.typeOid, baseTypeOid, typeName, collation, exact } };
}

/** Whether two types make the same column. */
export function isSameDeclared(left: ValueType | undefined, right: ValueType | undefined): boolean {
  const one = left?.declared;
  const other = right?.declared;
  return one !== undefined && one.typeName === other?.typeName && one.collation === other.collation;
}

function plain(baseTypeOid: number): ValueType {
  const typeName = builtinTypeName(baseTypeOid);
  const exact = exactTypes.has(baseTypeOid);
  const declared =
    typeName === undefined ? undefined : { typeOid: baseTypeOid, baseTypeOid, typeName, collation: undefined, exact };
  return { baseTypeOid, textOrder: 'none', declared };
}

/** The column that USING makes of two. */
export function mergedType(shown: ValueType, left: ValueType | undefined, right: ValueType | undefined): ValueType {
  if (isSameDeclared(left, right)) return shown;
  const isInteger =
    left !== undefined && right !== undefined && isIntegerType(left.baseTypeOid) && isIntegerType(right.baseTypeOid);
  return isInteger ? plain(widest(left, right)) : { ...shown, declared: undefined };
}

/** A text type with the collation of another one, as functions and casts give it. */
function textLike(baseTypeOid: number, source: ValueType): ValueType {
  const { textOrder, declared } = source;
  const typeName = builtinTypeName(baseTypeOid);
  // The collation of a domain is not known by the name of a plain type.
  if (declared === undefined || !textTypes.has(declared.typeOid) || typeName === undefined) {
    return { baseTypeOid, textOrder };
  }
  const exact = textOrder !== 'nondeterministic' && baseTypeOid !== typeOid.bpchar;
  const isNamesOwn = declared.typeOid === typeOid.name && baseTypeOid !== typeOid.name;
  const collation = isNamesOwn ? (declared.collation ?? 'pg_catalog."C"') : declared.collation;
  return { baseTypeOid, textOrder, declared: { typeOid: baseTypeOid, baseTypeOid, typeName, collation, exact } };
}

/** The type without modifier and domain, as operators and functions give it. */
export function bareType(type: ValueType | undefined): ValueType | undefined {
  if (type?.declared === undefined) return type;
  return textTypes.has(type.baseTypeOid) ? textLike(type.baseTypeOid, type) : plain(type.baseTypeOid);
}

/** Collations that compare by bytes wherever they exist. */
const bytewiseCollations: ReadonlySet<string> = new Set(['C', 'POSIX', 'ucs_basic', 'C.UTF-8', 'C.utf8', 'pg_c_utf8']);

function collationOrder(names: readonly Node[] | undefined): TextOrder {
  return bytewiseCollations.has(nameParts(names).at(-1) ?? '') ? 'bytewise' : 'locale';
}

export function typeOf(node: Node | undefined, scope: Scope): ValueType | undefined {
  if (node === undefined) return undefined;
  if ('ColumnRef' in node) return scope.resolve(node.ColumnRef)?.type;
  if ('TypeCast' in node) {
    const target = plainType(node.TypeCast.typeName);
    if (target === undefined) return undefined;
    if (!textTypes.has(target)) return plain(target);
    // A cast keeps a text value's collation; a value of another type gets the database's, which is not known here.
    const inner = typeOf(node.TypeCast.arg, scope);
    return inner !== undefined && textTypes.has(inner.baseTypeOid) && target !== typeOid.name
      ? textLike(target, inner)
      : { baseTypeOid: target, textOrder: 'locale' };
  }
  if ('CollateClause' in node) {
    const inner = typeOf(node.CollateClause.arg, scope);
    const textOrder = collationOrder(node.CollateClause.collname);
    if (inner !== undefined) {
      return textTypes.has(inner.baseTypeOid) ? { baseTypeOid: inner.baseTypeOid, textOrder } : undefined;
    }
    return textOrder === 'bytewise' ? { baseTypeOid: typeOid.text, textOrder } : undefined;
  }
  if ('A_Expr' in node) return operatorType(node.A_Expr, scope);
  if ('A_Const' in node) return constantType(node.A_Const);
  if ('BoolExpr' in node || 'NullTest' in node || 'BooleanTest' in node) return plain(typeOid.bool);
  if ('CoalesceExpr' in node) return commonType(node.CoalesceExpr.args ?? [], scope);
  if ('MinMaxExpr' in node) return commonType(node.MinMaxExpr.args ?? [], scope);
  if ('CaseExpr' in node) return caseType(node.CaseExpr, scope);
  if ('FuncCall' in node) return callType(functionName(node.FuncCall).name, node.FuncCall.args ?? [], scope);
  return undefined;
}

/** As make_const() in parse_node.c; the plan cache keeps statements with literals of other types apart. */
function constantType(constant: A_Const): ValueType | undefined {
  if (constant.ival !== undefined) return plain(typeOid.int4);
  if (constant.boolval !== undefined) return plain(typeOid.bool);
  const digits = constant.fval?.fval;
  if (digits === undefined) return undefined;
  return /[.e]/i.test(digits) ? plain(typeOid.numeric) : undefined;
}

function caseType({ args, defresult }: CaseExpr, scope: Scope): ValueType | undefined {
  const results = (args ?? []).map((when) => ('CaseWhen' in when ? when.CaseWhen.result : undefined));
  const all = [...results, defresult].filter((result) => result !== undefined);
  return commonType(all, scope);
}

/** The type that all arguments have, or the widest of their exact numbers; a literal string takes the others'. */
function commonType(nodes: readonly Node[], scope: Scope): ValueType | undefined {
  let common: ValueType | undefined;
  for (const node of nodes) {
    if ('A_Const' in node && (node.A_Const.sval !== undefined || node.A_Const.isnull === true)) continue;
    const type = bareType(typeOf(node, scope));
    if (type === undefined) return undefined;
    if (common !== undefined && isExactNumber(common.baseTypeOid) && isExactNumber(type.baseTypeOid)) {
      const isKnown = common.declared !== undefined && type.declared !== undefined;
      const wide: ValueType = plain(widest(common, type));
      common = isKnown ? wide : { ...wide, declared: undefined };
      continue;
    }
    if (common !== undefined && (common.baseTypeOid !== type.baseTypeOid || common.textOrder !== type.textOrder)) {
      return undefined;
    }
    // What collation comes of two is not looked into.
    common = common === undefined || isSameDeclared(common, type) ? type : { ...type, declared: undefined };
  }
  return common;
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '>', '<=', '>=']);
const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%']);

function operatorType(expression: A_Expr, scope: Scope): ValueType | undefined {
  const operator = operatorName(expression.name);
  if (operator === undefined) return undefined;
  if (expression.kind !== 'AEXPR_OP') {
    return expression.kind === 'AEXPR_NULLIF' ? nullIfType(expression, scope) : plain(typeOid.bool);
  }
  if (comparisons.has(operator)) return plain(typeOid.bool);
  if (operator === '||') return concatenatedType(expression, scope);
  if (!arithmetic.has(operator)) return undefined;
  const right = typeOf(expression.rexpr, scope);
  const left = expression.lexpr === undefined ? right : typeOf(expression.lexpr, scope);
  if (left === undefined || right === undefined) return undefined;
  const made = arithmeticType(left, right);
  // What is not known for sure of a side is not known of the result.
  const isKnown = left.declared !== undefined && right.declared !== undefined;
  return made === undefined || isKnown ? made : { ...made, declared: undefined };
}

function arithmeticType(left: ValueType, right: ValueType): ValueType | undefined {
  if (isExactNumber(left.baseTypeOid) && isExactNumber(right.baseTypeOid)) return plain(widest(left, right));
  return left.baseTypeOid === right.baseTypeOid && isNumber(left.baseTypeOid) ? plain(left.baseTypeOid) : undefined;
}

/** The type that `=` takes the left side in. */
function nullIfType({ lexpr, rexpr }: A_Expr, scope: Scope): ValueType | undefined {
  const left = bareType(typeOf(lexpr, scope));
  if (left === undefined) return undefined;
  const right = typeOf(rexpr, scope);
  const isLiteral =
    rexpr !== undefined && 'A_Const' in rexpr && (rexpr.A_Const.sval ?? rexpr.A_Const.isnull) !== undefined;
  const isSame = right?.baseTypeOid === left.baseTypeOid || isLiteral;
  const { declared: _declared, ...unknown } = left;
  if (!isSame || left.baseTypeOid === typeOid.cidr) return unknown;
  return left.baseTypeOid === typeOid.varchar ? textLike(typeOid.text, left) : left;
}

/** Text beside text, or beside a literal. */
function concatenatedType(expression: A_Expr, scope: Scope): ValueType | undefined {
  const isLiteral = (node: Node | undefined): boolean =>
    node !== undefined && 'A_Const' in node && node.A_Const.sval !== undefined;
  const sides = [expression.lexpr, expression.rexpr].filter((node) => !isLiteral(node));
  const types = sides.map((node) => typeOf(node, scope));
  const [first, second = first] = types.map((type) =>
    type !== undefined && textTypes.has(type.baseTypeOid) ? textLike(typeOid.text, type) : undefined,
  );
  if (first === undefined || second === undefined) return undefined;
  return isSameDeclared(first, second) ? first : undefined;
}

function isNumber(oid: number): boolean {
  return oid === typeOid.numeric || oid === typeOid.float8 || oid === typeOid.float4;
}

function isExactNumber(oid: number): boolean {
  return isIntegerType(oid) || oid === typeOid.numeric;
}

function widest(left: ValueType, right: ValueType): number {
  const order: readonly number[] = [typeOid.int2, typeOid.int4, typeOid.int8, typeOid.numeric];
  return order[Math.max(order.indexOf(left.baseTypeOid), order.indexOf(right.baseTypeOid))] ?? typeOid.numeric;
}

/** Built-in functions whose result is known. A user's overload on the search path is found out by its traits. */
function callType(name: string, args: readonly Node[], scope: Scope): ValueType | undefined {
  const first = typeOf(args[0], scope);
  switch (name) {
    case 'count':
    case 'row_number':
    case 'rank':
    case 'dense_rank':
      return plain(typeOid.int8);
    case 'length':
    case 'char_length':
    case 'octet_length':
      return first !== undefined && textTypes.has(first.baseTypeOid) ? plain(typeOid.int4) : undefined;
    case 'lower':
    case 'upper':
    case 'btrim':
    case 'ltrim':
    case 'rtrim':
      return first !== undefined && textTypes.has(first.baseTypeOid) ? textLike(typeOid.text, first) : undefined;
    case 'substring':
    case 'left':
    case 'right': {
      const isText = args.length > 1 && first !== undefined && textTypes.has(first.baseTypeOid);
      return isText && hasNoText(args.slice(1), scope) ? textLike(typeOid.text, first) : undefined;
    }
    case 'string_agg':
      return first !== undefined && textTypes.has(first.baseTypeOid) ? textLike(typeOid.text, first) : undefined;
    case 'min':
    case 'max':
      return extremeType(first);
    case 'date_trunc': {
      const second = typeOf(args[1], scope)?.baseTypeOid;
      const isTime = second === typeOid.timestamp || second === typeOid.timestamptz;
      return isTime && args.length === 2 ? plain(second) : undefined;
    }
    case 'sum':
      return sumType(first);
    case 'abs':
      return first !== undefined && (isIntegerType(first.baseTypeOid) || isNumber(first.baseTypeOid))
        ? plain(first.baseTypeOid)
        : undefined;
    default:
      return undefined;
  }
}

/** sum() of int2 and int4 is bigint, of int8 and numeric numeric; floats keep theirs. */
function sumType(argument: ValueType | undefined): ValueType | undefined {
  switch (argument?.baseTypeOid ?? 0) {
    case typeOid.int2:
    case typeOid.int4:
      return plain(typeOid.int8);
    case typeOid.int8:
    case typeOid.numeric:
      return plain(typeOid.numeric);
    case typeOid.float4:
    case typeOid.float8:
      return bareType(argument);
    default:
      return undefined;
  }
}

/** Arguments that give the result no collation. */
function hasNoText(nodes: readonly Node[], scope: Scope): boolean {
  return nodes.every((node) => {
    const type = typeOf(node, scope);
    return type !== undefined && type.textOrder === 'none';
  });
}

/** Types that have a min() and max() of their own in every version. */
const withExtremes: ReadonlySet<number> = new Set([
  typeOid.int2,
  typeOid.int4,
  typeOid.int8,
  typeOid.oid,
  typeOid.float4,
  typeOid.float8,
  typeOid.numeric,
  typeOid.date,
  typeOid.time,
  typeOid.timetz,
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.interval,
  typeOid.text,
  typeOid.bpchar,
]);

/** min() and max() take varchar and name for text. */
export function extremeType(argument: ValueType | undefined): ValueType | undefined {
  if (argument === undefined) return undefined;
  const { baseTypeOid, textOrder } = argument;
  if (baseTypeOid === typeOid.varchar || baseTypeOid === typeOid.name) return textLike(typeOid.text, argument);
  return withExtremes.has(baseTypeOid) ? bareType(argument) : { baseTypeOid, textOrder };
}
