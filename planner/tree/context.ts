/** What planning a statement starts from. */

import type { CatalogSnapshot, Placement } from '../../catalog/schema.js';
import type { ParsedStatement } from '../parse/parser.js';
import type { Slot } from '../parse/tokenizer.js';

/** The placement that the configuration gives to new tables. */
interface PlacementRules {
  /** The placement of a table with these columns, or undefined where no rule speaks about it. */
  ruleFor(schema: string, name: string, columns: readonly string[]): Placement | undefined;
}

export interface PlanContext {
  readonly catalog: CatalogSnapshot;
  /** The session's search path, without pg_catalog, which comes first implicitly. */
  readonly searchPath: readonly string[];
  /** Declared types of $1, $2, …; 0 where the client leaves one to the server. */
  readonly parameterTypes: readonly number[];
  readonly rules: PlacementRules;
  /** The statement has both xmin or xmax and the number of its own transaction (planner/checks/row-transactions.ts). */
  readonly namesRowTransactions?: true;
  /** The client is pg_dump, which is to leave out pgring's own schema. */
  readonly isDump?: boolean;
}

export interface PlanInput {
  readonly statement: ParsedStatement;
  /** All of the text that was parsed: the tree's locations are bytes of it. */
  readonly sql: Buffer;
  /** The literals by normalize(); undefined when the statement has no cache key. Offsets are bytes of `sql`. */
  readonly slots: readonly Slot[] | undefined;
  readonly context: PlanContext;
}
