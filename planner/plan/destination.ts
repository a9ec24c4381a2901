/** Where a statement goes, once its values are bound. */

/**
 * Where a value of the statement comes from.
 * - `slot`: the n-th literal of the statement's text, in the tokenizer's numbering (from 0)
 * - `parameter`: $n of the extended protocol (from 1)
 * - `computed`: the n-th of the plan's `computed` expressions, evaluated on the home shard before routing
 * - `null`: the SQL NULL
 */
export type ValueSource =
  | { readonly kind: 'slot'; readonly slot: number; readonly negative: boolean }
  | { readonly kind: 'parameter'; readonly number: number }
  | { readonly kind: 'computed'; readonly index: number }
  | { readonly kind: 'null' };

/** One value for each column of the shard key, or all elements of one array value (only for keys of one column). */
export type KeySource =
  | { readonly kind: 'tuple'; readonly values: readonly ValueSource[] }
  | { readonly kind: 'elements'; readonly array: ValueSource };

export type Routing =
  /** The owners of these keys. No keys (a contradiction): no shard at all. */
  | {
      readonly kind: 'byKey';
      /** Base type oid of each key column. */
      readonly keyTypes: readonly number[];
      /**
       * Conditions that hold together, one list of alternatives each; a row's owner is in every list. One list of one
       * tuple is the common case and pins one shard.
       */
      readonly alternatives: readonly (readonly KeySource[])[];
    }
  /** The owner of a row that is being stored; its key may be NULL. */
  | {
      readonly kind: 'byRow';
      readonly keyTypes: readonly number[];
      /** pg_attribute.atttypmod of each key column: what is stored may be cut or rounded by it. */
      readonly keyModifiers: readonly number[];
      readonly key: readonly ValueSource[];
    }
  | { readonly kind: 'all' }
  /** Any one shard: only reference tables. */
  | { readonly kind: 'any' }
  | { readonly kind: 'home' }
  | { readonly kind: 'none' };
