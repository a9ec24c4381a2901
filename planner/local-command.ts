/** What the session does by itself: no plan of a server says how. */

/** Session and transaction commands, carried out by the session itself. */
export type LocalCommand =
  | { readonly kind: 'begin'; readonly tag: 'BEGIN' | 'START TRANSACTION' }
  | { readonly kind: 'commit'; readonly chain: boolean }
  | { readonly kind: 'rollback'; readonly chain: boolean }
  | { readonly kind: 'savepoint'; readonly name: string }
  | { readonly kind: 'release'; readonly name: string }
  | { readonly kind: 'rollback to'; readonly name: string }
  /** DEALLOCATE of a prepared statement, or of all. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined }
  /**
   * SET, RESET, SET LOCAL, SET TRANSACTION, SET ROLE, SET CONSTRAINTS, DISCARD: to every connection of the session.
   * With the tag SELECT it is a set_config() alone, whose row from the home shard is the answer.
   */
  | {
      readonly kind: 'set';
      readonly tag: string;
      /** `session` outlives the transaction, `transaction` ends with it, `discard` forgets all that was set before. */
      readonly scope: 'session' | 'transaction' | 'discard';
      /** The setting's name in lower case; undefined for those without one (RESET ALL, SET CONSTRAINTS, DISCARD). */
      readonly name: string | undefined;
    };
