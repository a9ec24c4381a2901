/** The types of expressions, as far as a merge needs them: undefined wherever the planner does not know for sure. */

import type { A_Expr, Node } from 'libpg-query';

import type { TextOrder } from '../catalog/schema.js';
import { isIntegerType } from './key-family.js';
import { typeOid } from '../catalog/type-oid.js';
import type { Scope, ValueType } from './query.js';
import { functionName, nameParts, operatorName } from './tree.js';
import { plainType } from './values.js';

const textTypes: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar, typeOid.bpchar, typeOid.name]);

function plain(baseTypeOid: number): ValueType {
  return { baseTypeOid, textOrder: 'none' };
}

/** Collations that compare by bytes wherever they exist. */
const bytewiseCollations: ReadonlySet<string> = new Set(['C', 'POSIX', 'ucs_basic', 'C.UTF-8', 'C.utf8', 'pg_c_utf8']);

export function collationOrder(names: readonly Node[] | undefined): TextOrder {
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
      ? { baseTypeOid: target, textOrder: inner.textOrder }
      : { baseTypeOid: target, textOrder: 'locale' };
  }
  if ('CollateClause' in node) {
    const inner = typeOf(node.CollateClause.arg, scope);
    const textOrder = collationOrder(node.CollateClause.collname);
    if (inner !== undefined) return textTypes.has(inner.baseTypeOid) ? { ...inner, textOrder } : undefined;
    return textOrder === 'bytewise' ? { baseTypeOid: typeOid.text, textOrder } : undefined;
  }
  if ('A_Expr' in node) return operatorType(node.A_Expr, scope);
  if ('A_Const' in node) return node.A_Const.ival !== undefined ? plain(typeOid.int4) : undefined;
  if ('BoolExpr' in node || 'NullTest' in node || 'BooleanTest' in node) return plain(typeOid.bool);
  if ('CoalesceExpr' in node) return commonType(node.CoalesceExpr.args ?? [], scope);
  if ('MinMaxExpr' in node) return commonType(node.MinMaxExpr.args ?? [], scope);
  if ('FuncCall' in node) return callType(functionName(node.FuncCall).name, node.FuncCall.args ?? [], scope);
  return undefined;
}

/** The type that all arguments have; a literal string takes the others'. */
function commonType(nodes: readonly Node[], scope: Scope): ValueType | undefined {
  let common: ValueType | undefined;
  for (const node of nodes) {
    if ('A_Const' in node && (node.A_Const.sval !== undefined || node.A_Const.isnull === true)) continue;
    const type = typeOf(node, scope);
    if (type === undefined) return undefined;
    if (common !== undefined && (common.baseTypeOid !== type.baseTypeOid || common.textOrder !== type.textOrder)) {
      return undefined;
    }
    common = type;
  }
  return common;
}

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '!=', '<', '>', '<=', '>=']);
const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%']);

function operatorType(expression: A_Expr, scope: Scope): ValueType | undefined {
  const operator = operatorName(expression.name);
  if (operator === undefined) return undefined;
  if (expression.kind !== 'AEXPR_OP') {
    return expression.kind === 'AEXPR_NULLIF' ? typeOf(expression.lexpr, scope) : plain(typeOid.bool);
  }
  if (comparisons.has(operator)) return plain(typeOid.bool);
  if (!arithmetic.has(operator)) return undefined;
  const right = typeOf(expression.rexpr, scope);
  const left = expression.lexpr === undefined ? right : typeOf(expression.lexpr, scope);
  if (left === undefined || right === undefined) return undefined;
  if (isIntegerType(left.baseTypeOid) && isIntegerType(right.baseTypeOid)) return plain(widest(left, right));
  return left.baseTypeOid === right.baseTypeOid && isNumber(left.baseTypeOid) ? left : undefined;
}

function isNumber(oid: number): boolean {
  return oid === typeOid.numeric || oid === typeOid.float8 || oid === typeOid.float4;
}

function widest(left: ValueType, right: ValueType): number {
  const order: readonly number[] = [typeOid.int2, typeOid.int4, typeOid.int8];
  return order[Math.max(order.indexOf(left.baseTypeOid), order.indexOf(right.baseTypeOid))] ?? typeOid.int8;
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
      return first !== undefined && textTypes.has(first.baseTypeOid)
        ? { baseTypeOid: typeOid.text, textOrder: first.textOrder }
        : undefined;
    case 'min':
    case 'max':
      return first;
    case 'sum':
      return sumType(first);
    case 'abs':
      return first !== undefined && (isIntegerType(first.baseTypeOid) || isNumber(first.baseTypeOid))
        ? first
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
      return argument;
    default:
      return undefined;
  }
}
