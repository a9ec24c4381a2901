/** What the copies of a reference table must be told of a write that one of them has carried out. */

import type { ShippedType } from './shipped-type.js';

export interface Replication {
  /** The table, qualified and quoted. */
  readonly relation: string;
  /** Its columns that are stored, quoted, and their types. */
  readonly columns: readonly string[];
  readonly types: readonly ShippedType[];
  /** Which of them no UPDATE can set: GENERATED ALWAYS AS IDENTITY. */
  readonly fixed: readonly number[];
  /** Which of them are the primary key. */
  readonly key: readonly number[];
  /** What qualifies the columns in the statement, quoted. */
  readonly alias: string;
  readonly action: 'update' | 'delete' | 'merge';
  /** RETURNING knows `old`: the key may change. */
  readonly hasOldRows: boolean;
}
