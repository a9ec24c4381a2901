/**
 * A call of an SQL function over sharded tables is planned as its body, as a view is as its definition: on a shard the
 * body would see the rows of that shard alone. Only where one server would give the same for the body in its place.
 */

import type { FuncCall, Node, RangeFunction } from 'libpg-query';

import { PgError } from '../../base/errors.js';
import type { Routine } from '../../catalog/code.js';
import { quoteIdentifier, type Relation } from '../../catalog/schema.js';
import { placementOf } from '../code/conduct.js';
import { effectOf, userConduct, userRoutines } from '../code/functions.js';
import { parseStatements } from '../parse/parser.js';
import { normalize } from '../parse/tokenizer.js';
import type { PlanInput } from '../tree/context.js';
import type { Splice } from '../tree/expansion.js';
import { resolveRelation } from '../tree/scope.js';
import { StatementText } from '../tree/text.js';
import { columnRefParts, functionName, nameParts, selectOf, someNode, splitName, walkNodes } from '../tree/tree.js';
import { writtenTables } from '../write/plan-modify.js';
import { inlineBody, type Argument } from './inline-body.js';

/** A call that its body can stand for, where it is in FROM or is one value of an expression. */
interface Inlined {
  readonly call: FuncCall;
  readonly routine: Routine;
  /** As an item of FROM. */
  readonly range: RangeFunction | undefined;
}

/** A column of a function's result. */
interface ResultColumn {
  readonly name: string;
  readonly typeName: string;
}

/** The statement with the body in the place of one call, and where it was put; undefined where there is none to inline. */
export function inlineCall(input: PlanInput): { readonly input: PlanInput; readonly splice: Splice } | undefined {
  const { node } = input.statement;
  if (!input.context.catalog.code.hasRoutines || !takesBodies(node)) return undefined;
  for (const found of inlinedCalls(node, input)) {
    const text = new StatementText(input);
    const written = write(found, node, text, input);
    if (written === undefined) continue;
    const { start, end, inserted } = written;
    const sql = Buffer.from(`${text.slice(text.start, start)}${inserted}${text.slice(end, text.end)}`);
    const [statement] = parseStatements(sql.toString('utf8'));
    if (statement === undefined) continue;
    const splice: Splice = {
      start: text.start,
      removedStart: start,
      removedEnd: end,
      insertedBytes: Buffer.byteLength(inserted),
    };
    return { input: { ...input, statement, sql, slots: normalize(sql)?.slots }, splice };
  }
  return undefined;
}

/** Statements whose text is not kept, and whose calls are evaluated where they stand. */
function takesBodies(node: Node): boolean {
  if ('ExplainStmt' in node) return node.ExplainStmt.query !== undefined && takesBodies(node.ExplainStmt.query);
  if ('CopyStmt' in node) return node.CopyStmt.query !== undefined && takesBodies(node.CopyStmt.query);
  if ('InsertStmt' in node) return (selectOf(node.InsertStmt.selectStmt)?.valuesLists?.length ?? 0) === 0;
  return 'SelectStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node || 'DeclareCursorStmt' in node;
}

function inlinedCalls(root: Node, { context }: PlanInput): readonly Inlined[] {
  const found: Inlined[] = [];
  const inFrom = new Set<FuncCall>();
  const written = writtenTables(root);
  const hasPartitions = [...context.catalog.relations()].some(({ name, kind }) => {
    return kind === 'partitioned table' && written.includes(name);
  });
  const take = (call: FuncCall, range: RangeFunction | undefined): void => {
    if (effectOf(call, context) !== 'nowhere') return;
    const routines = userRoutines(call, context);
    const [only] = routines;
    if (only === undefined || routines.length > 1 || !isInlinable(only.routine, call, range)) return;
    const { name } = functionName(call);
    // An overload with as many arguments would be another callee; a built-in one of the name may be meant as well.
    if (context.catalog.functions('pg_catalog', name) !== undefined) return;
    const { unread, writes, readsCatalog, reads } = userConduct(call, routines, context);
    if (unread !== undefined || writes.size > 0 || readsCatalog) return;
    if ([...reads].some((relation) => placementOf(relation) === 'home' || relation.hasRowSecurity)) return;
    // Each call of a volatile function sees what the statement has written so far.
    const meets = ({ name, kind }: Relation): boolean =>
      hasPartitions || written.includes(name) || (written.length > 0 && kind === 'partitioned table');
    if (only.routine.volatility === 'volatile' && [...reads].some(meets)) return;
    found.push({ call, routine: only.routine, range });
  };
  walkNodes(root, (node) => {
    if ('RangeFunction' in node) {
      const range = node.RangeFunction;
      const functions = range.functions ?? [];
      for (const item of functions) {
        const first = 'List' in item ? item.List.items?.[0] : item;
        if (first === undefined || !('FuncCall' in first)) continue;
        inFrom.add(first.FuncCall);
        if (functions.length === 1 && range.is_rowsfrom !== true) take(first.FuncCall, range);
      }
    } else if ('FuncCall' in node && !inFrom.has(node.FuncCall)) take(node.FuncCall, undefined);
    return true;
  });
  return found;
}

function isInlinable(routine: Routine, call: FuncCall, range: RangeFunction | undefined): boolean {
  const isPlain =
    routine.language === 'sql' &&
    routine.kind === 'function' &&
    routine.declaration === undefined &&
    !routine.isTemporary &&
    !routine.isGuarded &&
    routine.arguments.every(({ mode }) => mode !== 'v');
  const isPlainCall =
    call.over === undefined &&
    call.agg_filter === undefined &&
    call.agg_distinct !== true &&
    call.agg_star !== true &&
    call.func_variadic !== true &&
    (call.args ?? []).every((argument) => !('NamedArgExpr' in argument));
  // In an expression a set has a place only among the targets, and there it multiplies rows.
  const isPlaced = range === undefined ? !routine.returnsSet : (range.coldeflist ?? []).length === 0;
  const inputs = routine.arguments.filter(({ mode }) => mode === 'i' || mode === 'b');
  return isPlain && isPlainCall && isPlaced && inputs.length === (call.args?.length ?? 0);
}

/** What takes the place of the call, and where that is. */
function write(
  { call, routine, range }: Inlined,
  root: Node,
  text: StatementText,
  input: PlanInput,
): { readonly start: number; readonly end: number; readonly inserted: string } | undefined {
  const first = text.tokenIndexAt(call.location ?? 0);
  let last = first;
  while (text.word(last + 1) === '.') last += 2;
  if (text.word(last + 1) !== '(') return undefined;
  const open = last + 1;
  const close = text.closingIndex(open);
  const columns = resultOf(routine, input);
  const args = argumentsOf(call, routine, root, text, input, open, close);
  if (columns === undefined || args === undefined) return undefined;
  const alias = range?.alias?.aliasname ?? routine.name;
  const isRow = columns.length > 1 || isComposite(routine, input);
  if (range === undefined && isRow) return undefined;
  if (isRow && namesWhole(root, alias, columns)) return undefined;
  let body: ReturnType<typeof inlineBody>;
  try {
    body = inlineBody(routine, args, input.context);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
  }
  if (body === undefined) return undefined;
  const shown = isRow || range === undefined ? columns : columns.map((column) => ({ ...column, name: alias }));
  const numbered = columns.map((_, index) => `pgring_${index + 1}`);
  const list = shown.map(
    ({ name, typeName }, index) =>
      `CAST(pgring_body.${numbered[index] ?? ''} AS ${typeName}) AS ${quoteIdentifier(name)}`,
  );
  const rows = `${body.before}${body.sql} AS pgring_body (${numbered.join(', ')})`;
  const start = text.startOf(first);
  const end = text.endOf(close);
  if (range === undefined) return { start, end, inserted: `(SELECT ${list.join(', ')} FROM ${rows} LIMIT 1)` };
  if (range.ordinality === true) list.push('row_number() OVER () AS ordinality');
  const select = routine.returnsSet
    ? `SELECT ${list.join(', ')} FROM ${rows}`
    : // One row, whatever the body gives.
      `SELECT ${list.join(', ')} FROM (SELECT 1) AS pgring_one LEFT JOIN (SELECT pgring_body.* FROM ${rows} LIMIT 1) AS pgring_body ON true`;
  const lateral = text.word(first - 1) === 'lateral' || !args.some(({ isColumn }) => isColumn) ? '' : 'LATERAL ';
  const named = range.alias === undefined ? ` AS ${quoteIdentifier(routine.name)}` : '';
  const isOrdinal = range.ordinality === true;
  return {
    start,
    end: isOrdinal ? text.endOf(close + 2) : end,
    inserted: `${lateral}(${select})${named}`,
  };
}

/** The columns of the result; undefined where they are not known. */
function resultOf(routine: Routine, input: PlanInput): readonly ResultColumn[] | undefined {
  const outputs = routine.arguments.filter(({ mode }) => mode === 'o' || mode === 'b' || mode === 't');
  if (outputs.length > 0) {
    return outputs.map(({ name, typeName }, index) => ({ name: name === '' ? `column${index + 1}` : name, typeName }));
  }
  const relation = resultRelation(routine, input);
  if (relation !== undefined) {
    return relation.columns.map(({ name, typeName }) => ({ name, typeName }));
  }
  const isUnknown = routine.returnsRow || routine.returnType === 'void' || routine.returnType.startsWith('any');
  return isUnknown ? undefined : [{ name: routine.name, typeName: routine.returnType }];
}

function resultRelation({ returnType, returnsRow }: Routine, { context }: PlanInput): Relation | undefined {
  if (!returnsRow) return undefined;
  const found = resolveRelation(splitName(returnType.split('.').map((part) => part.replaceAll('"', ''))), context);
  return found === 'catalog' ? undefined : found;
}

function isComposite(routine: Routine, input: PlanInput): boolean {
  return resultRelation(routine, input) !== undefined;
}

/** Whether the statement names a whole row of the function, which has a type of its own. */
function namesWhole(root: Node, alias: string, columns: readonly ResultColumn[]): boolean {
  if (columns.some(({ name }) => name === alias)) return false;
  return someNode(root, (node) => {
    if (!('ColumnRef' in node)) return false;
    const parts = columnRefParts(node.ColumnRef);
    return parts.length === 1 && parts[0] === alias;
  });
}

/** The arguments as they stand; undefined where one is more than a value that may be written anywhere. */
function argumentsOf(
  call: FuncCall,
  routine: Routine,
  root: Node,
  text: StatementText,
  input: PlanInput,
  open: number,
  close: number,
): readonly Argument[] | undefined {
  const inputs = routine.arguments.filter(({ mode }) => mode === 'i' || mode === 'b');
  const extents: { from: number; to: number }[] = [];
  for (let at = open + 1; at < close;) {
    const comma = Math.min(
      text.findTopLevel(at, (word, index) => index >= close || word === ','),
      close,
    );
    extents.push({ from: at, to: comma - 1 });
    at = comma + 1;
  }
  const found = (call.args ?? []).map((node, index): Argument | undefined => {
    const extent = extents[index];
    const declared = inputs[index];
    if (extent === undefined || declared === undefined || declared.typeName.startsWith('any')) return undefined;
    const written = text.slice(text.startOf(extent.from), text.endOf(extent.to));
    const sql = `CAST(${written} AS ${declared.typeName})`;
    if (isValue(node)) return { name: declared.name, sql, isColumn: false, qualifier: undefined };
    const parts = 'ColumnRef' in node ? columnRefParts(node.ColumnRef) : [];
    const [qualifier, column] = parts;
    if (parts.length !== 2 || qualifier === undefined || column === undefined) return undefined;
    const type = columnType(qualifier, column, root, input);
    return type === declared.typeOid ? { name: declared.name, sql: written, isColumn: true, qualifier } : undefined;
  });
  return found.every((argument) => argument !== undefined) && extents.length === found.length ? found : undefined;
}

/** A literal or parameter, also cast. A string has no type yet; a number may be of a narrower one. */
function isValue(node: Node): boolean {
  if ('TypeCast' in node) {
    const { arg } = node.TypeCast;
    return arg !== undefined && ('A_Const' in arg || 'ParamRef' in arg);
  }
  return 'ParamRef' in node || ('A_Const' in node && node.A_Const.isnull !== true);
}

/** The type of a column of the one table that has the alias. */
function columnType(qualifier: string, column: string, root: Node, { context }: PlanInput): number | undefined {
  const relations: (Relation | undefined)[] = [];
  walkNodes(root, (node) => {
    if ('RangeVar' in node && (node.RangeVar.alias?.aliasname ?? node.RangeVar.relname) === qualifier) {
      const { schemaname: schema, relname: name = '', alias } = node.RangeVar;
      const resolved = resolveRelation({ schema, name }, context);
      relations.push(resolved === 'catalog' || nameParts(alias?.colnames).length > 0 ? undefined : resolved);
    }
    return true;
  });
  return relations.length === 1 ? relations[0]?.columns.find(({ name }) => name === column)?.typeOid : undefined;
}
