/**
 * A view over sharded tables is planned as what it stands for: its definition takes the place of its name, and the
 * statement is planned anew. What shards run as the client wrote it still names the view, which every shard has.
 */

import { PgError, refuse, sqlstate } from '../../base/errors.js';
import type { CatalogSnapshot, Relation } from '../../catalog/schema.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import type { PlanInput } from '../tree/context.js';
import type { Splice } from '../tree/expansion.js';
import { parseStatements } from '../parse/parser.js';
import { normalize } from '../parse/tokenizer.js';
import { StatementText } from '../tree/text.js';

/** Views in views, and all their places: a statement that needs more is refused. */
export const MAX_EXPANSIONS = 100;

/** Thrown where binding meets a view over sharded tables: the statement must be planned with its definition. */
export class ViewFound extends Error {
  readonly view: Relation;
  /** Where its name begins. */
  readonly location: number;
  /** Whether the statement gives it an alias. */
  readonly aliased: boolean;

  constructor(view: Relation, location: number, aliased: boolean) {
    super(`the view ${view.name}`);
    this.view = view;
    this.location = location;
    this.aliased = aliased;
  }
}

/**
 * Refuses a view whose rows depend on who owns it: policies of row security are those for the view's owner, and shards
 * would be asked by the session's user.
 */
export function checkExpandable(view: Relation, catalog: CatalogSnapshot, position: number): void {
  if (view.definition === undefined) {
    throw refuse(
      `the view "${view.name}" over a sharded table`,
      'Select from the tables that the view reads instead.',
      {
        position,
      },
    );
  }
  if (view.reads.some((oid) => catalog.relationByOid(oid)?.hasRowSecurity === true)) {
    throw refuse(
      `the view "${view.name}" over a sharded table with row security`,
      'Its policies are those for the owner of the view: select from the tables instead.',
      { position },
    );
  }
}

/** The statement with the definition in the view's place, parsed again, and where it was put. */
export function expandView(
  input: PlanInput,
  { view, location, aliased }: ViewFound,
): { readonly input: PlanInput; readonly splice: Splice } {
  const text = new StatementText(input);
  const first = text.tokenIndexAt(location);
  const isTable = text.word(first - 1) === 'table';
  const start = isTable ? text.startOf(first - 1) : location;
  let last = first;
  while (text.word(last + 1) === '.') last += 2;
  const alias = aliased ? '' : ` AS ${quoteIdentifier(view.name)}`;
  const definition = (view.definition ?? '').replace(/;\s*$/, '');
  const inserted = `${isTable ? 'SELECT * FROM ' : ''}(${definition})${alias}`;
  const sql = Buffer.from(`${text.slice(text.start, start)}${inserted}${text.slice(text.endOf(last), text.end)}`);
  const splice: Splice = {
    start: text.start,
    removedStart: start,
    removedEnd: text.endOf(last),
    insertedBytes: Buffer.byteLength(inserted),
  };
  try {
    const [statement] = parseStatements(sql.toString('utf8'));
    if (statement !== undefined) {
      return { input: { ...input, statement, sql, slots: normalize(sql)?.slots }, splice };
    }
  } catch (error) {
    if (!(error instanceof PgError) || error.sqlstate !== sqlstate.syntaxError) throw error;
  }
  throw refuse(`the view "${view.name}" over a sharded table here`, `Write FROM ${view.name} AS ….`);
}
