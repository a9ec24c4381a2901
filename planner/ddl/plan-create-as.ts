/**
 * CREATE TABLE AS and SELECT INTO: the home shard makes the table, for only PostgreSQL knows the columns of any query;
 * then the other shards get the like, and the query's rows go where the new table's placement wants them.
 */

import type { CreateTableAsStmt, IntoClause, SelectStmt } from 'libpg-query';

import type { PlanContext } from '../tree/context.js';
import { planExecute } from '../session/plan-session.js';
import { ownOptions, refusePlacement, stripOptions } from './placement-options.js';
import type { Plan } from '../plan/plan.js';
import { isTemporaryTarget } from '../tree/scope.js';
import type { StatementText } from '../tree/text.js';
import { rangeVarName } from '../tree/tree.js';

export function planCreateTableAs(create: CreateTableAsStmt, context: PlanContext, text: StatementText): Plan {
  const { query, into = {} } = create;
  const name = text.tokenIndexAt(into.rel?.location ?? 0);
  const as = text.findTopLevel(name, (word) => word === 'as');
  const part = { start: text.startOf(as + 1), end: queryEnd(text) };
  const edits = stripOptions(into.options, text);
  const options = { start: afterNames(name, text), end: text.endOf(as - 1) };
  const executed =
    query !== undefined && 'ExecuteStmt' in query ? planExecute(query.ExecuteStmt, context, text, as + 1) : undefined;
  const head = text.pieces(text.start, part.start, edits);
  return {
    kind: 'create table as',
    executed,
    head,
    sql: [...head, ...text.pieces(part.start, part.end), ' WITH NO DATA'],
    query: into.skipData === true ? undefined : text.pieces(part.start, part.end),
    ...target(into, context, text),
    options: options.end > options.start ? text.pieces(options.start, options.end, edits) : [],
  };
}

/** SELECT … INTO; undefined for a SELECT without. */
export function planSelectInto(select: SelectStmt, context: PlanContext, text: StatementText): Plan | undefined {
  const into = intoOf(select);
  if (into === undefined) return undefined;
  // The query is planned by itself, from its text.
  text.dependsOnLiterals = true;
  const location = into.rel?.location ?? 0;
  let word = text.tokenIndexAt(location);
  const end = text.endOf(lastOfName(word, text));
  while (text.word(word) !== 'into') word -= 1;
  const last = text.endOf(text.tokens().length - 1);
  const query = text.pieces(text.start, last, [{ start: text.startOf(word), end, pieces: [] }]);
  const destination = target(into, context, text);
  const head = `CREATE ${destination.persistence}TABLE ${text.slice(location, end)} AS `;
  return {
    kind: 'create table as',
    head: [head],
    executed: undefined,
    sql: [head, ...query, ' WITH NO DATA'],
    query,
    ...destination,
    options: [],
  };
}

/** The clause of the leftmost SELECT speaks for the whole of a set operation. */
function intoOf(select: SelectStmt): IntoClause | undefined {
  return select.intoClause ?? (select.larg === undefined ? undefined : intoOf(select.larg));
}

type Destination = Pick<
  Extract<Plan, { readonly kind: 'create table as' }>,
  'schema' | 'name' | 'persistence' | 'placement'
>;

function target(into: IntoClause, context: PlanContext, text: StatementText): Destination {
  const range = into.rel ?? {};
  const { schema, name } = rangeVarName(range);
  const own = ownOptions(into.options);
  if (isTemporaryTarget(range, context)) {
    const [option] = own;
    if (option !== undefined) throw refusePlacement(option, text);
    return { schema: 'pg_temp', name, persistence: 'TEMPORARY ', placement: undefined };
  }
  return {
    schema: schema ?? context.searchPath[0] ?? 'public',
    name,
    persistence: range.relpersistence === 'u' ? 'UNLOGGED ' : '',
    placement: own.length === 0 ? '' : ` WITH (${own.map((option) => option.text(text)).join(', ')})`,
  };
}

/** Where the query ends: before WITH [NO] DATA. */
function queryEnd(text: StatementText): number {
  const count = text.tokens().length;
  if (text.word(count - 1) === 'data') {
    if (text.word(count - 2) === 'with') return text.endOf(count - 3);
    if (text.word(count - 2) === 'no' && text.word(count - 3) === 'with') return text.endOf(count - 4);
  }
  return text.endOf(count - 1);
}

function lastOfName(first: number, text: StatementText): number {
  let last = first;
  while (text.word(last + 1) === '.') last += 2;
  return last;
}

/** Where the name and the list of columns behind it end. */
function afterNames(first: number, text: StatementText): number {
  const last = lastOfName(first, text);
  return text.word(last + 1) === '(' ? text.endOf(text.closingIndex(last + 1)) : text.endOf(last);
}
