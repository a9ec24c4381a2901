/** Parts of plans that name no expression and no place: commands of the session, changes of placements, COPY's format. */

import type { PgError } from '../../base/errors.js';
import type { Placement } from '../../catalog/schema.js';

/** Session and transaction commands, carried out by the session itself. */
export type LocalCommand =
  | { readonly kind: 'begin'; readonly tag: 'BEGIN' | 'START TRANSACTION' }
  | { readonly kind: 'commit'; readonly chain: boolean }
  | { readonly kind: 'rollback'; readonly chain: boolean }
  | { readonly kind: 'savepoint'; readonly name: string }
  | { readonly kind: 'release'; readonly name: string }
  | { readonly kind: 'rollback to'; readonly name: string }
  /** PREPARE TRANSACTION, which is refused, and ends the transaction. */
  | { readonly kind: 'prepare transaction'; readonly refusal: PgError }
  /** COMMIT PREPARED or ROLLBACK PREPARED: no client has prepared anything. */
  | { readonly kind: 'end prepared'; readonly command: string; readonly refusal: PgError }
  /** SHOW pgring.pins: which server connections the session keeps between transactions, and why. */
  | { readonly kind: 'show pins' }
  /** DEALLOCATE of a prepared statement, or of all. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined }
  /**
   * SET, RESET, SET LOCAL, SET TRANSACTION, SET ROLE, SET CONSTRAINTS, DISCARD: to every connection of the session, and to those that it gets later.
   * With the tag SELECT it is a set_config() alone, whose row from the home shard is the answer.
   */
  | {
      readonly kind: 'set';
      readonly tag: string;
      /** `session` outlives the transaction, `transaction` ends with it, `discard` forgets all that was set before. */
      readonly scope: 'session' | 'transaction' | 'discard';
      /** The setting's name in lower case; undefined for those without one (RESET ALL, SET CONSTRAINTS, DISCARD). */
      readonly name: string | undefined;
      /** set_config() with parameters: what is set is known when they have values. */
      readonly unbound?: UnboundSetting;
      /**
       * `reset`: to the value of the session's start, of that name or of all; `all`: of roles as well, and whatever else the
       * session has; `none`: it changes no setting.
       */
      readonly effect: 'set' | 'reset' | 'all' | 'none';
    };

/** The arguments of set_config(): a text, or the number of a parameter; and what its column is called. */
export interface UnboundSetting {
  readonly arguments: readonly (string | number)[];
  readonly column: string;
}

/** What a DDL statement does to placements, within the statement's own transaction. Names are already resolved. */
/** Columns whose rows are numbered over all shards. */
export interface Numbering {
  /** Qualified and quoted. */
  readonly relation: string;
  readonly columns: readonly string[];
  /** Of a reference table, whose copies have the same numbers; undefined for a sharded table. */
  readonly primaryKey: readonly string[] | undefined;
}

export type PlacementChange =
  | {
      readonly kind: 'place';
      readonly schema: string;
      readonly name: string;
      readonly placement: Placement;
    }
  /** Rows of pgring.placement whose relation no longer exists are removed. */
  | { readonly kind: 'prune' };

/** The format of a COPY, as far as pgring must know it to find rows and columns. */
export interface CopyFormat {
  readonly kind: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly nullText: string;
  readonly header: 'no' | 'yes' | 'match';
  readonly quote: string;
  readonly escape: string;
}

/** What COPY FROM takes from the data's fields besides their text. */
export interface CopyIntake {
  /** The field that stands for a column's default. */
  readonly defaultText: string | undefined;
  /** CSV: columns in which a quoted null text is NULL, and those in which an unquoted one is none. */
  readonly forceNull: 'all' | readonly string[];
  readonly forceNotNull: 'all' | readonly string[];
  /** Of the data. `other`: ASCII bytes are ASCII characters, and no more is known. */
  readonly encoding: 'utf8' | 'latin1' | 'other';
  /** ON_ERROR ignore. */
  readonly skips: SkipRule | undefined;
}

/** ON_ERROR ignore: how many rows may be skipped, and what the client is told of them. */
export interface SkipRule {
  readonly limit: number | undefined;
  readonly verbosity: 'silent' | 'default' | 'verbose';
}

/** A column that COPY FROM leaves to a default which no shard may evaluate for itself. */
export interface CopyDefault {
  readonly name: string;
  readonly sql: string;
  readonly typeName: string;
  /** Whether it has one value for the whole statement. */
  readonly once: boolean;
  /** Whether it is the next number of a sequence and nothing else. */
  readonly counts: boolean;
}
