/** Rows that an UPDATE of the shard key has given to another shard. */

/** What must be known to move rows of a table to their owners. */
export interface RowMoves {
  /** The table, qualified and quoted, and the name that qualifies its columns in the statement, quoted. */
  readonly relation: string;
  readonly alias: string;
  /** Its columns that are stored, quoted. */
  readonly columns: readonly string[];
  /** Where each key column stands among the columns. */
  readonly key: readonly { readonly index: number; readonly typeOid: number; readonly typeModifier: number }[];
}
