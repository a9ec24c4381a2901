/** What plans are made of: where values come from, where rows are, and pieces of SQL. */

import type { SizeFunction } from '../postgres/size-functions.js';
import type { SessionView } from './session-plan.js';

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

/** A piece of generated SQL. Text is verbatim; the rest is filled in when values are bound. */
export type SqlPiece =
  | string
  /** The client's own literal, as it wrote it. */
  | { readonly kind: 'slot'; readonly slot: number }
  /** A computed value as a typed literal. */
  | { readonly kind: 'computed'; readonly index: number }
  /** LIMIT + OFFSET of the statement, or the word ALL. */
  | { readonly kind: 'limit' }
  /** Whether the shard that it is sent to owns a row (see `owned` of the plan). */
  | { readonly kind: 'owned' }
  /** A shipment of `combine`: its temporary copy where it was shipped, else the relation's own name. */
  | { readonly kind: 'relation'; readonly shipment: number };

/** SQL to send: `client` is the client's own bytes, unchanged. */
export type SqlTemplate = 'client' | readonly SqlPiece[];

/** An expression that the home shard evaluates once before the statement is routed (a stable function, a default). */
export interface ComputedExpression {
  readonly sql: readonly SqlPiece[];
  /** How its value is written into SQL: `'value'::typeName`; undefined leaves the type that the server reports. */
  readonly typeName: string | undefined;
  /**
   * Not an expression: what each shard but the home shard measures by this function, summed, as a JSON object. Its keys
   * are oids of the home shard (with `oid fork` for pg_relation_size), or `oid n` and `name n` of databases and tablespaces.
   */
  readonly sizes?: SizeFunction;
  /** Not an expression: the rows of a view that tells of the client's session, as a JSON array. */
  readonly view?: SessionView;
}

/** A column whose value says who owns a row: as SQL, with its base type oid. */
export interface OwningColumn {
  readonly sql: string;
  readonly typeOid: number;
}
