/**
 * Numbers of sequences in a write over shards: only the client's own session on the home shard takes them. So the rows that
 * need some are read in a stage that takes a number for each (planner/write/plan-stages.ts), and the write runs over what it
 * has given. As on one server every number is given once; where a MERGE does not know yet which rows it will insert, some
 * are given to nobody.
 */

import type { InsertStmt, MergeStmt, MergeWhenClause, Node, UpdateStmt } from 'libpg-query';

import { quoteIdentifier, type Relation } from '../../catalog/schema.js';
import { callExtent } from '../checks/computed.js';
import { defaultSql, needsHome } from '../code/column-defaults.js';
import { effectOf } from '../code/functions.js';
import type { Edit } from '../parse/splice.js';
import type { Plan, SqlPiece } from '../plan/plan.js';
import type { PlanContext } from '../tree/context.js';
import { resolveRelation } from '../tree/scope.js';
import type { StatementText } from '../tree/text.js';
import { assignedDefaults } from './assigned-defaults.js';
import { functionName, isStar, rangeVarName, selectOf, someNode, walkNodes } from '../tree/tree.js';

type Stage = Pick<Extract<Plan, { kind: 'staged' }>, 'stages' | 'sql'>;

/** The rows with their numbers, in an UPDATE. */
const NUMBERED = 'pgring_numbered';

/** Undefined where the statement takes no numbers, or not in a way that a stage can take them for it. */
export function stagedNumbers(node: Node, context: PlanContext, text: StatementText): Stage | undefined {
  if ('InsertStmt' in node) return insertedRows(node.InsertStmt, context, text);
  if ('UpdateStmt' in node) return updatedRows(node.UpdateStmt, context, text);
  return 'MergeStmt' in node ? mergedRows(node.MergeStmt, context, text) : undefined;
}

/** Expressions that take numbers, each in a column of its own, and the places that take the column instead. */
class NumberColumns {
  readonly edits: Edit[] = [];
  readonly columns: SqlPiece[] = [];
  readonly #alias: string;
  readonly #context: PlanContext;
  readonly #text: StatementText;
  readonly #seen = new Set<number>();
  #count = 0;

  constructor(alias: string, context: PlanContext, text: StatementText) {
    this.#alias = alias;
    this.#context = context;
    this.#text = text;
  }

  /** How the value of an expression is named. */
  add(expression: readonly SqlPiece[]): string {
    this.#count += 1;
    const name = `pgring_number${this.#count}`;
    this.columns.push(', ', ...expression, ` AS ${name}`);
    return `${quoteIdentifier(this.#alias)}.${name}`;
  }

  /** Replaces nextval() with its argument written out; false when some call cannot be. */
  replaceCalls(root: unknown): boolean {
    let isComplete = true;
    walkNodes(root, (node) => {
      if (!('FuncCall' in node) || effectOf(node.FuncCall, this.#context) !== 'sequence') return true;
      const extent = callExtent(node.FuncCall.location ?? 0, this.#text);
      const reads = someNode(node.FuncCall.args, (part) => 'ColumnRef' in part || 'SubLink' in part);
      // (a, b) = (…) is one tree for two columns.
      const start = node.FuncCall.location ?? 0;
      if (this.#seen.has(start)) return false;
      this.#seen.add(start);
      if (functionName(node.FuncCall).name !== 'nextval' || extent === undefined || reads) isComplete = false;
      else this.edits.push({ ...extent, pieces: [this.add(this.#text.pieces(extent.start, extent.end))] });
      return false;
    });
    return isComplete;
  }
}

function takesNumbers(root: unknown, context: PlanContext): boolean {
  return someNode(root, (node) => 'FuncCall' in node && effectOf(node.FuncCall, context) === 'sequence');
}

/** INSERT … SELECT nextval(…): the query is a SELECT of its own first. */
function insertedRows(insert: InsertStmt, context: PlanContext, text: StatementText): Stage | undefined {
  const select = selectOf(insert.selectStmt);
  const rows = insert.selectStmt === undefined ? 1 : (select?.valuesLists?.length ?? 0);
  if (rows === 1) return returnedNumbers(insert, context, text);
  if (select === undefined || !takesNumbers([select], context)) return undefined;
  const isList = select.valuesLists !== undefined && select.sortClause === undefined && select.limitCount === undefined;
  if (isList || insert.withClause !== undefined) return undefined;
  const start = text.startOf(queryStart(insert, text));
  const from = text.tokenIndexAt(start);
  const end =
    insert.onConflictClause?.location ??
    (insert.returningClause === undefined
      ? text.end
      : text.startOf(text.findTopLevel(from, (word, index) => word === 'returning' && text.word(index - 1) !== '.')));
  const edit: Edit = { start, end, pieces: [{ kind: 'relation', shipment: 0 }, ' '] };
  return { stages: [text.pieces(start, end)], sql: text.pieces(text.start, text.end, [edit]) };
}

/** ON CONFLICT DO UPDATE SET n = nextval(…) of one row: the number is taken before it is known whether there is a conflict. */
function returnedNumbers(insert: InsertStmt, context: PlanContext, text: StatementText): Stage | undefined {
  if (insert.withClause !== undefined) return undefined;
  const numbers = new NumberColumns(NUMBERED, context, text);
  if (!numbers.replaceCalls([insert.onConflictClause, insert.returningClause])) return undefined;
  if (numbers.columns.length === 0) return undefined;
  const edits = numbers.edits.map(({ start, end, pieces }): Edit => ({
    start,
    end,
    pieces: ['(SELECT ', ...pieces, ' FROM (', { kind: 'relation', shipment: 0 }, `) AS ${NUMBERED})`],
  }));
  const stage: SqlPiece[] = ['SELECT true AS pgring_taken', ...numbers.columns];
  return { stages: [stage], sql: text.pieces(text.start, text.end, edits) };
}

/** The first token behind the table, its alias, its columns and OVERRIDING … VALUE. */
function queryStart(insert: InsertStmt, text: StatementText): number {
  let index = text.tokenIndexAt(insert.relation?.location ?? text.start) + 1;
  while (text.word(index) === '.') index += 2;
  if (insert.relation?.alias !== undefined) index += text.word(index) === 'as' ? 2 : 1;
  if ((insert.cols?.length ?? 0) > 0) index = text.closingIndex(index) + 1;
  return text.word(index) === 'overriding' ? index + 3 : index;
}

function targetRelation(range: UpdateStmt['relation'], context: PlanContext): Relation | undefined {
  const found = range === undefined ? undefined : resolveRelation(rangeVarName(range), context);
  return found === 'catalog' || found?.placement.kind === 'home' ? undefined : found;
}

/** UPDATE … SET n = nextval(…): the rows are found by their primary key, each with its numbers. */
function updatedRows(update: UpdateStmt, context: PlanContext, text: StatementText): Stage | undefined {
  const relation = targetRelation(update.relation, context);
  const key = relation?.uniqueKeys.find(({ primary }) => primary)?.columns;
  const isPlain = update.fromClause === undefined && update.withClause === undefined;
  if (relation === undefined || key === undefined || !isPlain) return undefined;
  if (update.whereClause !== undefined && 'CurrentOfExpr' in update.whereClause) return undefined;
  const numbers = new NumberColumns(NUMBERED, context, text);
  for (const node of update.targetList ?? []) {
    const value = 'ResTarget' in node ? node.ResTarget.val : undefined;
    if (value === undefined) return undefined;
    if (!numbers.replaceCalls([value])) return undefined;
  }
  for (const { column, location } of assignedDefaults(update.targetList, relation)) {
    const at = text.tokenIndexAt(location);
    const sql = defaultSql(column);
    if (sql === undefined || !needsHome(column)) continue;
    if (column.identity === 'always' || text.word(at) !== 'default') return undefined;
    numbers.edits.push({ start: text.startOf(at), end: text.endOf(at), pieces: [numbers.add([sql])] });
  }
  if (numbers.columns.length === 0) return undefined;
  const alias = quoteIdentifier(update.relation?.alias?.aliasname ?? relation.name);
  const first = text.tokenIndexAt(text.start);
  const set = text.findTopLevel(first, (word, index) => word === 'set' && text.word(index - 1) !== '.');
  const returning = text.findTopLevel(set, (word, index) => word === 'returning' && text.word(index - 1) !== '.');
  const where =
    update.whereClause === undefined
      ? returning
      : text.findTopLevel(set, (word, index) => word === 'where' && text.word(index - 1) !== '.');
  const end = text.endOf(returning - 1);
  const target = text.pieces(text.endOf(first), text.startOf(set));
  const keys = key.map((name, index) => `${alias}.${quoteIdentifier(name)} AS pgring_key${index + 1}`).join(', ');
  const order = key.map((name) => `${alias}.${quoteIdentifier(name)}`).join(', ');
  const isFiltered = update.whereClause !== undefined;
  const condition = isFiltered ? [' ', ...text.pieces(text.startOf(where), end)] : [];
  const matches = key.map((name, index) => `${alias}.${quoteIdentifier(name)} = ${NUMBERED}.pgring_key${index + 1}`);
  const from: SqlPiece[] = [
    ' FROM (',
    { kind: 'relation', shipment: 0 },
    `) AS ${NUMBERED} WHERE ${matches.join(' AND ')}`,
  ];
  const edits: Edit[] = [...numbers.edits, ...ownStars(update.returningClause, alias)];
  if (isFiltered) {
    edits.push({ start: text.startOf(where), end: text.endOf(where), pieces: [...from, ' AND ('] });
    edits.push({ start: end, end, pieces: [')'] });
  } else edits.push({ start: end, end, pieces: from });
  return {
    // Most often that is the order in which the rows were stored, which is the one in which one server counts.
    stages: [[`SELECT ${keys}`, ...numbers.columns, ' FROM ', ...target, ...condition, ` ORDER BY ${order}`]],
    sql: text.pieces(text.start, text.end, edits),
  };
}

/** A star is all columns of the target, and not those of the rows beside it. */
function ownStars(returning: unknown, alias: string): readonly Edit[] {
  const edits: Edit[] = [];
  walkNodes(returning, (node) => {
    if ('SubLink' in node) return false;
    if (!('ColumnRef' in node) || !isStar(node.ColumnRef) || node.ColumnRef.fields?.length !== 1) return true;
    const at = node.ColumnRef.location ?? 0;
    edits.push({ start: at, end: at, pieces: [`${alias}.`] });
    return false;
  });
  return edits;
}

/** MERGE: each row of the source comes with the numbers that any of the actions may want for it. */
function mergedRows(merge: MergeStmt, context: PlanContext, text: StatementText): Stage | undefined {
  const relation = targetRelation(merge.relation, context);
  const source = merge.sourceRelation;
  const range =
    source !== undefined && 'RangeVar' in source
      ? { alias: source.RangeVar.alias?.aliasname ?? source.RangeVar.relname }
      : source !== undefined && 'RangeSubselect' in source
        ? { alias: source.RangeSubselect.alias?.aliasname }
        : undefined;
  if (relation === undefined || range?.alias === undefined || merge.withClause !== undefined) return undefined;
  const numbers = new NumberColumns(range.alias, context, text);
  const clauses = (merge.mergeWhenClauses ?? []).flatMap((node) =>
    'MergeWhenClause' in node ? [node.MergeWhenClause] : [],
  );
  const starts = clauseStarts(merge, clauses.length, text);
  if (starts === undefined) return undefined;
  for (const [index, clause] of clauses.entries()) {
    if (clause.commandType === 'CMD_INSERT') {
      if (!numberInsert(clause, starts[index] ?? 0, relation, numbers, text)) return undefined;
    } else if (!numbers.replaceCalls([clause.targetList])) return undefined;
  }
  // A star would have the numbers in it.
  const returnsStar = someNode(merge.returningClause, (node) => 'ColumnRef' in node && isStar(node.ColumnRef));
  if (numbers.columns.length === 0 || returnsStar) return undefined;
  const using = text.findTopLevel(text.tokenIndexAt(merge.relation?.location ?? 0), (word) => word === 'using');
  const on = text.findTopLevel(using + 1, (word) => word === 'on');
  const start = text.startOf(using + 1);
  const end = text.endOf(on - 1);
  const alias = quoteIdentifier(range.alias);
  const edit: Edit = { start, end, pieces: ['(', { kind: 'relation', shipment: 0 }, `) AS ${alias}`] };
  return {
    stages: [[`SELECT ${alias}.*`, ...numbers.columns, ' FROM ', ...text.pieces(start, end)]],
    sql: text.pieces(text.start, text.end, [edit, ...numbers.edits]),
  };
}

/** The tokens of `WHEN [NOT] MATCHED`; undefined where others look like it. */
function clauseStarts(merge: MergeStmt, count: number, text: StatementText): readonly number[] | undefined {
  const starts: number[] = [];
  let index = text.tokenIndexAt(merge.relation?.location ?? 0);
  const isClause = (word: string, at: number): boolean => {
    const next = text.word(at + 1);
    return word === 'when' && (next === 'matched' || (next === 'not' && text.word(at + 2) === 'matched'));
  };
  for (;;) {
    index = text.findTopLevel(index, isClause);
    if (index >= text.tokens().length) break;
    starts.push(index);
    index += 1;
  }
  return starts.length === count ? starts : undefined;
}

/** `INSERT (columns) VALUES (…)` with the columns that it leaves to a sequence. */
function numberInsert(
  clause: MergeWhenClause,
  start: number,
  relation: Relation,
  numbers: NumberColumns,
  text: StatementText,
): boolean {
  const named = (clause.targetList ?? []).flatMap((node) => ('ResTarget' in node ? [node.ResTarget.name ?? ''] : []));
  const given =
    named.length > 0 ? named : relation.columns.slice(0, clause.values?.length ?? 0).map(({ name }) => name);
  const insert = text.findTopLevel(start, (word) => word === 'insert');
  const values = text.findTopLevel(insert + 1, (word) => word === 'values');
  if (clause.values === undefined || text.word(values + 1) !== '(') return !relation.columns.some(needsHome);
  const closing = text.startOf(text.closingIndex(values + 1));
  if (!numbers.replaceCalls([clause.values])) return false;
  const added: string[] = [];
  let overrides = false;
  for (const column of relation.columns) {
    const value = clause.values[given.indexOf(column.name)];
    const isDefault = value === undefined || 'SetToDefault' in value;
    const sql = isDefault && needsHome(column) ? defaultSql(column) : undefined;
    if (sql === undefined) continue;
    // The owner of such a row is not that of its source row.
    if (relation.placement.kind === 'sharded' && relation.placement.key.includes(column.name)) return false;
    overrides ||= column.identity === 'always';
    const number = numbers.add([sql]);
    if (value === undefined) {
      added.push(column.name);
      numbers.edits.push({ start: closing, end: closing, pieces: [`, ${number}`] });
    } else if ('SetToDefault' in value) {
      const at = text.tokenIndexAt(value.SetToDefault.location ?? 0);
      if (text.word(at) !== 'default') return false;
      numbers.edits.push({ start: text.startOf(at), end: text.endOf(at), pieces: [number] });
    }
  }
  const before = text.startOf(values);
  if (overrides && (clause.override ?? 'OVERRIDING_NOT_SET') === 'OVERRIDING_NOT_SET') {
    numbers.edits.push({ start: before, end: before, pieces: ['OVERRIDING SYSTEM VALUE '] });
  }
  if (added.length === 0) return true;
  const list = added.map(quoteIdentifier).join(', ');
  if (named.length > 0) {
    const close = text.startOf(text.closingIndex(insert + 1));
    numbers.edits.push({ start: close, end: close, pieces: [`, ${list}`] });
  } else {
    const all = `(${[...given.map(quoteIdentifier), list].join(', ')}) `;
    const at = text.endOf(insert);
    numbers.edits.push({ start: at, end: at, pieces: [` ${all}`] });
  }
  return true;
}
