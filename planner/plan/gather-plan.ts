/** How the rows of several shards become one result: a part of plans (planner/plan/plan.ts). */

/** How a value compares in a merge. Each names the binary wire format that the comparator reads. */
export type OrderType =
  | 'int2'
  | 'int4'
  | 'int8'
  | 'oid'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'bool'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'timetz'
  | 'interval'
  | 'text'
  | 'bpchar'
  | 'name'
  | 'char'
  | 'bytea'
  | 'uuid';

export interface OrderKey {
  /** Index of the column in the shards' rows (from 0). It is always fetched in binary. */
  readonly column: number;
  readonly type: OrderType;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** How the shards' one row each becomes one row (aggregation without GROUP BY). One entry a column. */
export type Combination =
  /** count: integer sum of int8, never null */
  | { readonly kind: 'count' }
  /** sum of integers or numeric, exact; null when all are null. `type` is the sum's own type. */
  | { readonly kind: 'sum'; readonly type: 'int8' | 'numeric' }
  /**
   * The shards' rows have the value once more in column `copy` (from 0, behind the visible columns; entries may share
   * one), which is fetched in binary to be compared. The winner's visible value is the answer.
   */
  | { readonly kind: 'min' | 'max'; readonly type: OrderType; readonly copy: number }
  | { readonly kind: 'bool_and' | 'bool_or' }
  /** Of integers; a bit string is not combined. */
  | { readonly kind: 'bit_and' | 'bit_or'; readonly type: 'int2' | 'int4' | 'int8' };

/** The rows of several shards as one result. */
export type Gather =
  | { readonly kind: 'concatenate' }
  /** Ordered streams are merged; the last `hidden` columns of the shards' rows are cut off. */
  | { readonly kind: 'merge'; readonly order: readonly OrderKey[]; readonly hidden: number }
  | { readonly kind: 'aggregate'; readonly columns: readonly Combination[] };
