/** Which comparator of a merge agrees with PostgreSQL's order of a type. */

import type { OrderType } from '../plan/plan.js';
import type { ValueType } from '../bind/query.js';
import { typeOid } from '../../catalog/type-oid.js';

const orderTypes: ReadonlyMap<number, OrderType> = new Map<number, OrderType>([
  [typeOid.int2, 'int2'],
  [typeOid.int4, 'int4'],
  [typeOid.int8, 'int8'],
  [typeOid.oid, 'oid'],
  [typeOid.float4, 'float4'],
  [typeOid.float8, 'float8'],
  [typeOid.numeric, 'numeric'],
  [typeOid.bool, 'bool'],
  [typeOid.date, 'date'],
  [typeOid.time, 'time'],
  [typeOid.timestamp, 'timestamp'],
  [typeOid.timestamptz, 'timestamptz'],
  [typeOid.timetz, 'timetz'],
  [typeOid.interval, 'interval'],
  [typeOid.text, 'text'],
  [typeOid.varchar, 'text'],
  [typeOid.bpchar, 'bpchar'],
  [typeOid.name, 'name'],
  [typeOid.char, 'char'],
  [typeOid.bytea, 'bytea'],
  [typeOid.uuid, 'uuid'],
]);

const collated: ReadonlySet<OrderType> = new Set<OrderType>(['text', 'bpchar', 'name']);

/** How values of the type are merged; `locale` where only the server knows their order. */
export function orderTypeOf(type: ValueType): OrderType | 'locale' | undefined {
  const order = orderTypes.get(type.baseTypeOid);
  if (order === undefined) return undefined;
  return collated.has(order) && type.textOrder !== 'bytewise' ? 'locale' : order;
}
