/**
 * Expressions that are values: literals that the tokenizer took as slots, parameters, and casts of them to a type
 * of the same family. Anything else is no value, which costs a scatter but never a wrong shard.
 */

import type { A_Const, Node, TypeName } from 'libpg-query';

import type { Column } from '../../catalog/schema.js';
import { builtinType, isIntegerType, keyFamily } from '../postgres/key-family.js';
import { typeOid } from '../../catalog/type-oid.js';
import type { ValueSource } from '../plan/plan.js';
import type { StatementText } from './text.js';
import { listItems, typeNameParts } from './tree.js';

/** What a value may stand for: the column it is compared with or assigned to. */
type KeyColumn = Pick<Column, 'baseTypeOid'>;

function isNull(node: Node): boolean {
  return 'A_Const' in node && node.A_Const.isnull === true;
}

function slotOf(constant: A_Const, text: StatementText): ValueSource | undefined {
  return text.slotAt(constant.location ?? 0);
}

/** The built-in type of a plain type name: no array, no modifier, no %TYPE. */
export function plainType(type: TypeName | undefined): number | undefined {
  if (type === undefined || type.setof === true || type.pct_type === true) return undefined;
  if ((type.arrayBounds?.length ?? 0) > 0 || (type.typmods?.length ?? 0) > 0) return undefined;
  const { schema, name } = typeNameParts(type);
  return builtinType(schema, name);
}

/** The value of an expression where it is compared with a key column, or undefined. NULL is none: it equals nothing. */
export function comparedValue(node: Node, column: KeyColumn, text: StatementText): ValueSource | undefined {
  const family = keyFamily(column.baseTypeOid);
  if (family === undefined) return undefined;
  if ('A_Const' in node) {
    const constant = node.A_Const;
    if (constant.isnull === true || constant.boolval !== undefined || constant.bsval !== undefined) return undefined;
    if (constant.sval !== undefined) return slotOf(constant, text);
    return constant.ival !== undefined && isIntegerType(column.baseTypeOid)
      ? slotOf(constant, text)
      : bigInteger(constant, column, text);
  }
  if ('ParamRef' in node) {
    const number = node.ParamRef.number ?? 0;
    const declared = text.parameterType(number);
    return declared === 0 || declared === typeOid.unknown || keyFamily(declared) === family
      ? { kind: 'parameter', number }
      : undefined;
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    const target = plainType(typeName);
    if (arg === undefined || target === undefined || keyFamily(target) !== family) return undefined;
    // A value that the cast itself changes or refuses (10^10::int4, ' a'::char) must not be read by us.
    if ('A_Const' in arg && arg.A_Const.sval === undefined && !isIntegerType(target)) return undefined;
    if ('ParamRef' in arg) {
      const declared = text.parameterType(arg.ParamRef.number ?? 0);
      if (declared !== 0 && declared !== typeOid.unknown && keyFamily(declared) !== family) return undefined;
    } else if (!('A_Const' in arg)) {
      return undefined;
    }
    return comparedValue(arg, { baseTypeOid: target }, text);
  }
  return undefined;
}

/** An integer literal of more than 31 bits is a Float to the grammar; those within int8 are integers all the same. */
function bigInteger(constant: A_Const, column: KeyColumn, text: StatementText): ValueSource | undefined {
  const digits = constant.fval?.fval;
  if (digits === undefined || !isIntegerType(column.baseTypeOid) || !/^-?\d{1,18}$/.test(digits)) return undefined;
  return slotOf(constant, text);
}

/** The value of an expression where it is stored in a key column, NULL included; undefined when it must be computed. */
export function storedValue(node: Node, column: Column, text: StatementText): ValueSource | undefined {
  if (isNull(node)) return { kind: 'null' };
  if (changesOnAssignment(column)) return undefined;
  if ('A_Const' in node && column.baseTypeOid === typeOid.numeric && (node.A_Const.ival ?? node.A_Const.fval)) {
    return slotOf(node.A_Const, text);
  }
  return comparedValue(node, column, text);
}

/** Whether storing a value in the column may change it: numeric(5,2) rounds, varchar(3) cuts blanks off. */
export function changesOnAssignment(column: Column): boolean {
  switch (column.baseTypeOid) {
    case typeOid.varchar:
    case typeOid.numeric:
    case typeOid.timestamp:
    case typeOid.timestamptz:
    case typeOid.time:
    case typeOid.timetz:
      return column.typeModifier >= 0 || column.typeOid !== column.baseTypeOid;
    default:
      return false;
  }
}

/** An array whose elements are all values, or one value that is an array (a parameter, '{…}'). */
type ArrayValue =
  | { readonly kind: 'list'; readonly values: readonly ValueSource[] }
  | { readonly kind: 'array'; readonly source: ValueSource };

const arrayTypes: ReadonlyMap<number, number> = new Map([
  [1000, typeOid.bool],
  [1001, typeOid.bytea],
  [1005, typeOid.int2],
  [1007, typeOid.int4],
  [1016, typeOid.int8],
  [1009, typeOid.text],
  [1015, typeOid.varchar],
  [1014, typeOid.bpchar],
  [1028, typeOid.oid],
  [1182, typeOid.date],
  [1183, typeOid.time],
  [1115, typeOid.timestamp],
  [1185, typeOid.timestamptz],
  [1231, typeOid.numeric],
  [2951, typeOid.uuid],
]);

function isArrayOfFamily(type: number, family: number): boolean {
  if (type === 0 || type === typeOid.unknown) return true;
  const element = arrayTypes.get(type);
  return element !== undefined && keyFamily(element) === family;
}

/** The elements of an expression to the right of `= ANY`. NULL elements equal nothing and are left out. */
export function comparedArray(node: Node, column: KeyColumn, text: StatementText): ArrayValue | undefined {
  const family = keyFamily(column.baseTypeOid);
  if (family === undefined) return undefined;
  if ('A_ArrayExpr' in node) return comparedList(node.A_ArrayExpr.elements ?? [], column, text);
  if ('ParamRef' in node) {
    const number = node.ParamRef.number ?? 0;
    return isArrayOfFamily(text.parameterType(number), family)
      ? { kind: 'array', source: { kind: 'parameter', number } }
      : undefined;
  }
  if ('A_Const' in node && node.A_Const.sval !== undefined) {
    const slot = slotOf(node.A_Const, text);
    return slot === undefined ? undefined : { kind: 'array', source: slot };
  }
  if ('TypeCast' in node) {
    const { arg, typeName } = node.TypeCast;
    if (arg === undefined || typeName?.arrayBounds?.length !== 1) return undefined;
    const element = plainType({ ...typeName, arrayBounds: [] });
    if (element === undefined || keyFamily(element) !== family) return undefined;
    return comparedArray(arg, { baseTypeOid: element }, text);
  }
  return undefined;
}

/** The values of a list, as in IN (…); undefined unless every element is a value. */
export function comparedList(
  nodes: readonly Node[],
  column: KeyColumn,
  text: StatementText,
): Extract<ArrayValue, { kind: 'list' }> | undefined {
  const values: ValueSource[] = [];
  for (const item of nodes.flatMap(listItems)) {
    if (isNull(item)) continue;
    const value = comparedValue(item, column, text);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return { kind: 'list', values };
}
