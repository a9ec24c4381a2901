/**
 * What no shard can do alone is done in stages: parts of the statement that stand for themselves (WITH queries, also those
 * that write; subqueries that read nothing of the query around them; relations that lie elsewhere) are run first, each
 * as a statement of its own, and their rows take their places as array parameters of the rest. The rest is planned when
 * they are known; all of it is one transaction.
 */

import type { CommonTableExpr, Node, SelectStmt, WithClause } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { Binder } from '../bind/bind.js';
import { entriesOf } from '../bind/from-entries.js';
import type { Entry, Query, Subquery } from '../bind/query.js';
import { isClosed } from '../checks/level-references.js';
import { namesSystemColumns } from '../checks/system-columns.js';
import { relationQueries } from '../combine/plan-combine.js';
import type { Edit } from '../parse/splice.js';
import type { Plan, SqlPiece } from '../plan/plan.js';
import { occurrencesOf } from '../route/pins.js';
import { spreadOfOccurrences } from '../route/spread.js';
import type { PlanContext } from '../tree/context.js';
import type { StatementText } from '../tree/text.js';
import { leftmostLocation, selectOf, someNode, walkNodes } from '../tree/tree.js';
import { stagedNumbers } from './number-stages.js';
import { sees, touchedBy } from './touched-tables.js';

type StagedPlan = Extract<Plan, { readonly kind: 'staged' }>;

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** The name of the arrays' rows. */
export const STAGE_ALIAS = 'pgring_shipped';

const ORDER_HINT = 'Run its parts as statements of their own in one transaction, in the order that is meant.';

/** Undefined where nothing of it can be done before. `why`: what stands against doing it at once. */
export function planStages(
  node: Node,
  context: PlanContext,
  text: StatementText,
  why: string | undefined,
): StagedPlan | undefined {
  // Places of rows mean nothing on another shard.
  if (namesSystemColumns([node])) return undefined;
  const found = stagedWith(node, context, text) ?? stagedParts(node, context, text) ?? numbersOf(node, context, text);
  return found === undefined ? undefined : { ...found, ...(why === undefined ? {} : { obstacles: { oneShard: why } }) };
}

function numbersOf(node: Node, context: PlanContext, text: StatementText): StagedPlan | undefined {
  const found = stagedNumbers(node, context, text);
  return found === undefined ? undefined : { kind: 'staged', ...found };
}

export function writesSomething(node: unknown): boolean {
  return someNode(
    node,
    (part) => 'InsertStmt' in part || 'UpdateStmt' in part || 'DeleteStmt' in part || 'MergeStmt' in part,
  );
}

/** Whether a WITH query of the statement writes. */
export function writesInWith(node: Node): boolean {
  return writesSomething([withClauseOf(node)]);
}

function withClauseOf(node: Node): WithClause | undefined {
  if ('SelectStmt' in node) return node.SelectStmt.withClause;
  if ('InsertStmt' in node) return node.InsertStmt.withClause;
  if ('UpdateStmt' in node) return node.UpdateStmt.withClause;
  if ('DeleteStmt' in node) return node.DeleteStmt.withClause;
  return 'MergeStmt' in node ? node.MergeStmt.withClause : undefined;
}

/** One WITH query, where its parts are in the text, and the names of others that it reads. */
interface Common {
  readonly name: string;
  readonly query: Node;
  readonly columns: number;
  /** From its name to its closing bracket, and what is between the brackets. */
  readonly whole: Extent;
  readonly body: Extent;
  readonly names: ReadonlySet<string>;
  readonly writes: boolean;
}

/** Runs the WITH queries, in an order in which none sees what another has written. */
function stagedWith(node: Node, context: PlanContext, text: StatementText): StagedPlan | undefined {
  const clause = withClauseOf(node);
  const commons = (clause?.ctes ?? []).flatMap((each) =>
    'CommonTableExpr' in each ? [commonOf(each.CommonTableExpr, text)] : [],
  );
  const isRecursive = clause?.recursive === true;
  if (commons.length === 0 || !commons.some(({ query }) => readsOrWrites(query))) return undefined;
  if (isRecursive && commons.some(({ writes }) => writes)) return undefined;
  const rest = withoutWith(node);
  const needed = neededBy(rest, commons);
  const staged = inOrder(commons.filter((common) => common.writes || needed.has(common.name)));
  checkOrder([...staged.map(({ query }) => query), rest], commons, context);
  const stages: (readonly SqlPiece[])[] = [];
  const places = new Map<Common, number>();
  for (const common of staged) {
    const sql = stageSql(common, [...places.keys()], places, isRecursive, text);
    if (sql === undefined) return undefined;
    places.set(common, stages.length);
    stages.push(sql);
  }
  const edits = commons.map((common): Edit => {
    const place = places.get(common);
    if (place !== undefined) return { ...common.body, pieces: [{ kind: 'relation', shipment: place }] };
    // Nobody reads it, so PostgreSQL does not carry it out.
    const columns = Array.from({ length: Math.max(1, common.columns) }, () => 'NULL');
    return { ...common.body, pieces: [`SELECT ${columns.join(', ')}`] };
  });
  return { kind: 'staged', stages, sql: text.pieces(text.start, text.end, edits) };
}

function commonOf(common: CommonTableExpr, text: StatementText): Common {
  const query = common.ctequery ?? {};
  const first = text.tokenIndexAt(common.location ?? 0);
  const as = text.findTopLevel(first + 1, (word) => word === 'as');
  const open = text.findTopLevel(as + 1, (word) => word === '(');
  const close = text.closingIndex(open);
  const names = new Set<string>();
  walkNodes([query], (part) => {
    if ('RangeVar' in part && part.RangeVar.schemaname === undefined) names.add(part.RangeVar.relname ?? '');
    return true;
  });
  return {
    name: common.ctename ?? '',
    query: query as Node,
    columns: common.aliascolnames?.length ?? 0,
    whole: { start: text.startOf(first), end: text.endOf(close) },
    body: { start: text.startOf(open + 1), end: text.endOf(close - 1) },
    names,
    writes: writesSomething([query]),
  };
}

function readsOrWrites(query: Node): boolean {
  return someNode([query], (part) => 'RangeVar' in part) || writesSomething([query]);
}

/** The statement without its WITH clause. */
function withoutWith(node: Node): Node {
  const strip = <T extends { withClause?: WithClause }>({ withClause: _clause, ...rest }: T): Omit<T, 'withClause'> =>
    rest;
  if ('SelectStmt' in node) return { SelectStmt: strip(node.SelectStmt) };
  if ('InsertStmt' in node) return { InsertStmt: strip(node.InsertStmt) };
  if ('UpdateStmt' in node) return { UpdateStmt: strip(node.UpdateStmt) };
  if ('DeleteStmt' in node) return { DeleteStmt: strip(node.DeleteStmt) };
  return 'MergeStmt' in node ? { MergeStmt: strip(node.MergeStmt) } : node;
}

/** The names that the statement or a WITH query that it needs, or one that writes, reads. */
function neededBy(rest: Node, commons: readonly Common[]): ReadonlySet<string> {
  const needed = new Set<string>();
  walkNodes([rest], (part) => {
    if ('RangeVar' in part) needed.add(part.RangeVar.relname ?? '');
    return true;
  });
  for (const { writes, names, name } of [...commons].reverse()) {
    if (writes || needed.has(name)) for (const each of names) needed.add(each);
  }
  return needed;
}

/** Those that need nothing of one that writes come first. */
function inOrder(commons: readonly Common[]): readonly Common[] {
  const late = new Set<string>();
  for (const { name, names, writes } of commons) {
    if (writes || [...names].some((each) => late.has(each))) late.add(name);
  }
  return [...commons.filter(({ name }) => !late.has(name)), ...commons.filter(({ name }) => late.has(name))];
}

/** All parts of a statement see the rows as they were before it; one that runs later must not read what another wrote. */
function checkOrder(parts: readonly Node[], commons: readonly Common[], context: PlanContext): void {
  const names = new Set(commons.map(({ name }) => name));
  const touched = parts.map((part) => touchedBy(part, names, context));
  touched.forEach((later, index) => {
    if (!touched.slice(0, index).some((earlier) => sees(later, earlier))) return;
    throw refuse('a WITH query that writes what another part of the statement reads, over several shards', ORDER_HINT);
  });
}

/** The statement of a WITH query, over what the ones before it have given. */
function stageSql(
  { name, whole, body, query, writes, names }: Common,
  before: readonly Common[],
  places: ReadonlyMap<Common, number>,
  isRecursive: boolean,
  text: StatementText,
): readonly SqlPiece[] | undefined {
  const read = before.filter((other) => names.has(other.name));
  const prefix = read.flatMap((other, index): SqlPiece[] => [
    index === 0 ? `WITH ${isRecursive ? 'RECURSIVE ' : ''}` : ', ',
    text.slice(other.whole.start, other.body.start),
    { kind: 'relation', shipment: places.get(other) ?? 0 },
    ') ',
  ]);
  const own = text.pieces(body.start, body.end);
  if (isRecursive) {
    const first = read.length === 0 ? 'WITH RECURSIVE ' : ', ';
    return [...prefix, first, ...text.pieces(whole.start, whole.end), ' SELECT * FROM ', quoted(name)];
  }
  if (read.length === 0) return own;
  if (!writes) return [...prefix, '(', ...own, ')'];
  return withClauseOf(query) === undefined ? [...prefix, ...own] : undefined;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Runs subqueries that stand for themselves; where there are none, brings the relations that lie elsewhere. */
function stagedParts(node: Node, context: PlanContext, text: StatementText): StagedPlan | undefined {
  if ('SelectStmt' in node || withClauseOf(node) !== undefined) return undefined;
  const binder = new Binder(context, text);
  const query = binder.bindNode(node, undefined, new Map());
  const extents = [...closedSubqueries(query, text), ...derivedTables(node, text)];
  if (extents.length > 0) {
    const edits = extents.map((extent, place): Edit => ({
      ...extent,
      pieces: [{ kind: 'relation', shipment: place }],
    }));
    const stages = extents.map(({ start, end }) => text.pieces(start, end));
    return { kind: 'staged', stages, sql: text.pieces(text.start, text.end, edits) };
  }
  const target = targetOf(node, query);
  const others = occurrencesOf(query).filter(({ entry }) => entry !== target && entry.relation !== undefined);
  const elsewhere = others.filter(({ entry }) => entry.kind !== 'reference');
  // Of copies one is read for all, where what each shard makes of its own might differ.
  const read = elsewhere.length > 0 || target?.kind !== 'sharded' || 'MergeStmt' in node ? elsewhere : others;
  if (read.length === 0 || 'InsertStmt' in node) return undefined;
  const { stages, edits } = relationQueries([node], query, spreadOfOccurrences(read), binder, whereOf(node));
  return { kind: 'staged', stages, sql: text.pieces(text.start, text.end, edits) };
}

function whereOf(node: Node): Node | undefined {
  if ('UpdateStmt' in node) return node.UpdateStmt.whereClause;
  return 'DeleteStmt' in node ? node.DeleteStmt.whereClause : undefined;
}

function targetOf(node: Node, { from }: Query): Entry | undefined {
  const entries = entriesOf(from);
  return 'MergeStmt' in node ? entries.at(-1) : entries[0];
}

/** The outermost subqueries of expressions that read tables, and nothing of the queries around them. */
function closedSubqueries(query: Query, text: StatementText): readonly Extent[] {
  const found = new Map<number, Extent>();
  const visitSubquery = ({ query: inner, location }: Subquery): void => {
    if (occurrencesOf(inner).length === 0) return;
    if (isClosed(inner) && !tellsOfMerge(inner)) {
      const extent = bracketsAfter(location, text);
      found.set(extent.start, extent);
    } else visit(inner);
  };
  const visit = (level: Query): void => {
    for (const subquery of level.subqueries) visitSubquery(subquery);
    for (const entry of entriesOf(level.from)) if (entry.query !== undefined) visit(entry.query);
    for (const arm of level.arms) visit(arm.query);
  };
  visit(query);
  return [...found.values()];
}

/** merge_action() says what is done to the row of the MERGE around. */
function tellsOfMerge({ select }: Query): boolean {
  return someNode([select], (node) => 'MergeSupportFunc' in node);
}

/** What is between the brackets of `IN (…)`, `EXISTS (…)`, `= ANY (…)`, `ARRAY (…)` or `(…)`. */
function bracketsAfter(location: number, text: StatementText): Extent {
  let open = text.tokenIndexAt(location);
  while (text.word(open) !== '(' || text.word(open - 1) === 'operator') open += 1;
  return { start: text.startOf(open + 1), end: text.endOf(text.closingIndex(open) - 1) };
}

/** Subqueries in FROM and USING that read tables, but for LATERAL ones. */
function derivedTables(node: Node, text: StatementText): readonly Extent[] {
  const items =
    'UpdateStmt' in node
      ? node.UpdateStmt.fromClause
      : 'DeleteStmt' in node
        ? node.DeleteStmt.usingClause
        : 'MergeStmt' in node && node.MergeStmt.sourceRelation !== undefined
          ? [node.MergeStmt.sourceRelation]
          : undefined;
  const found: Extent[] = [];
  walkNodes(items, (part) => {
    if ('SubLink' in part) return false;
    if (!('RangeSubselect' in part)) return true;
    const { subquery, lateral } = part.RangeSubselect;
    const select = selectOf(subquery);
    if (lateral === true || select === undefined || !mayBeStaged(select, 'MergeStmt' in node)) return false;
    const extent = bracketsAround(leftmostLocation(select), text);
    if (extent !== undefined) found.push(extent);
    return false;
  });
  return found;
}

/** What a stage has given is not staged again. Of the source of a MERGE it must be known what its types are. */
function mayBeStaged(select: SelectStmt, isSource: boolean): boolean {
  if (someNode([select], (inner) => 'RangeVar' in inner)) return true;
  return (
    isSource &&
    !someNode([select], (inner) => 'RangeFunction' in inner && inner.RangeFunction.alias?.aliasname === STAGE_ALIAS)
  );
}

const queryWords: ReadonlySet<string> = new Set(['select', 'with', 'values', 'table', '(']);

/** The innermost brackets around a place that hold a query. */
function bracketsAround(location: number | undefined, text: StatementText): Extent | undefined {
  if (location === undefined) return undefined;
  let depth = 0;
  for (let index = text.tokenIndexAt(location) - 1; index >= 0; index -= 1) {
    const word = text.word(index);
    if (word === ')' || word === ']') depth += 1;
    else if (word === '(' || word === '[') {
      if (depth > 0) depth -= 1;
      else if (word === '(' && queryWords.has(text.word(index + 1))) {
        return { start: text.startOf(index + 1), end: text.endOf(text.closingIndex(index) - 1) };
      }
    }
  }
  return undefined;
}
