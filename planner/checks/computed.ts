/**
 * Expressions that the home shard evaluates once for the statement: now() and its like must have one value on all
 * shards. They are found in the tree and replaced in the text.
 */

import type { Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { PlanContext } from '../tree/context.js';
import { callsOf, effectOf } from '../code/functions.js';
import type { ComputedExpression, SqlPiece, ValueSource } from '../plan/plan.js';
import { columnName } from '../bind/shape.js';
import type { SizeFunction } from '../postgres/size-functions.js';
import type { Edit } from '../parse/splice.js';
import type { SessionView } from '../plan/session-plan.js';
import type { StatementText } from '../tree/text.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import { functionName, listItems, someNode, walkNodes } from '../tree/tree.js';

export class ComputedList {
  readonly expressions: ComputedExpression[] = [];

  add(sql: readonly SqlPiece[], typeName: string | undefined): Extract<ValueSource, { kind: 'computed' }> {
    this.expressions.push({ sql, typeName });
    return { kind: 'computed', index: this.expressions.length - 1 };
  }

  /** The rows of a view of the session, as a JSON array; the number of its process as such. */
  addView(view: SessionView): Extract<ValueSource, { kind: 'computed' }> {
    const known = this.expressions.findIndex((expression) => expression.view === view);
    if (known >= 0) return { kind: 'computed', index: known };
    this.expressions.push({
      sql: [],
      typeName: view === 'pg_backend_pid' ? 'pg_catalog.int4' : 'pg_catalog.jsonb',
      view,
    });
    return { kind: 'computed', index: this.expressions.length - 1 };
  }

  /** What the shards but the home shard measure, as a JSON object. */
  addSizes(sizes: SizeFunction): Extract<ValueSource, { kind: 'computed' }> {
    const known = this.expressions.findIndex((expression) => expression.sizes === sizes);
    if (known >= 0) return { kind: 'computed', index: known };
    this.expressions.push({ sql: [], typeName: 'pg_catalog.jsonb', sizes });
    return { kind: 'computed', index: this.expressions.length - 1 };
  }

  /** The same, but an expression with one value for the statement is computed once however often it is written. */
  addOnce(sql: readonly SqlPiece[], typeName: string | undefined): Extract<ValueSource, { kind: 'computed' }> {
    const only = sql.length === 1 ? sql[0] : undefined;
    if (typeof only === 'string' && statementValue.test(only)) {
      const index = this.expressions.findIndex(
        ({ sql: [first], typeName: type }) => first === only && type === typeName,
      );
      if (index >= 0) return { kind: 'computed', index };
    }
    return this.add(sql, typeName);
  }
}

/** Nothing but the transaction's time. */
const statementValue = /^(now\(\)|(statement|transaction)_timestamp\(\)|(CURRENT_|LOCAL)(DATE|TIME|TIMESTAMP))$/i;

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Where a call's text is, when it is written as `name(arguments)`. */
export function callExtent(location: number, text: StatementText): Extent | undefined {
  let index = text.tokenIndexAt(location);
  if (text.startOf(index) !== location) return undefined;
  while (text.word(index + 1) === '.') index += 2;
  if (text.word(index + 1) !== '(') return undefined;
  return { start: location, end: text.endOf(text.closingIndex(index + 1)) };
}

/** CURRENT_TIMESTAMP and the like, with their precision. */
function keywordExtent(location: number, text: StatementText): Extent {
  const index = text.tokenIndexAt(location);
  return text.word(index + 1) === '('
    ? { start: location, end: text.endOf(text.closingIndex(index + 1)) }
    : { start: location, end: text.endOf(index) };
}

function onceExtent(node: Node, context: PlanContext, text: StatementText, takes: boolean): Extent | undefined {
  if ('SQLValueFunction' in node) return keywordExtent(node.SQLValueFunction.location ?? 0, text);
  if (!('FuncCall' in node)) return undefined;
  const call = node.FuncCall;
  if (call.funcformat !== 'COERCE_EXPLICIT_CALL') return undefined;
  const effect = effectOf(call, context);
  // Where the statement takes numbers, what was taken last changes with each.
  if (effect !== 'once' && (effect !== 'current' || takes)) return undefined;
  if (someNode(call.args, (part) => 'ParamRef' in part)) return undefined;
  return callExtent(call.location ?? 0, text);
}

/** Words that end a target list item, unless they are names after a dot or AS. */
const afterTarget: ReadonlySet<string> = new Set(
  ', ) from where group having window order limit offset fetch for union intersect except into'.split(' '),
);

/** Words after which those do not begin a clause: AS "from", IS DISTINCT FROM, WITHIN GROUP. */
const notBeforeClause: ReadonlySet<string> = new Set(['.', 'as', 'distinct', 'within']);

/** Where a target list item ends. */
export function targetEnd(location: number, text: StatementText): number {
  const end = text.findTopLevel(text.tokenIndexAt(location), (word, index) => {
    const before = text.word(index - 1);
    return afterTarget.has(word) && !notBeforeClause.has(before);
  });
  return text.endOf(end - 1);
}

/**
 * What is evaluated before: on several shards everything that has one value for the statement (`steady`); on one server
 * only what another session tells differently (`session`: the transaction's time and the like, which take no
 * arguments). A call with arguments may fail, and must not where the statement would not reach it.
 */
type ComputedReach = 'steady' | 'session';

/** Edits that put computed values in the place of what must be evaluated once. */
export function computeOnce(
  root: unknown,
  context: PlanContext,
  text: StatementText,
  computed: ComputedList,
  reach: ComputedReach = 'steady',
): Edit[] {
  const edits: Edit[] = [];
  const takes = callsOf(root, context).some(({ effect }) => effect === 'sequence');
  const mayFail = (node: Node): boolean =>
    'FuncCall' in node && node.FuncCall.args !== undefined && effectOf(node.FuncCall, context) !== 'current';
  const replace = (node: Node): boolean => {
    if (reach === 'session' && mayFail(node)) return false;
    const extent = onceExtent(node, context, text, takes);
    if (extent === undefined) return false;
    const value = asksForProcess(node)
      ? computed.addView('pg_backend_pid')
      : computed.addOnce(text.pieces(extent.start, extent.end), undefined);
    edits.push({ ...extent, pieces: [value] });
    return true;
  };
  const visit = (node: Node): boolean => {
    if ('RangeFunction' in node) {
      const functions = (node.RangeFunction.functions ?? []).flatMap(listItems);
      refuseOnceInFrom(
        functions.filter((part) => reach !== 'session' || !mayFail(part)),
        context,
        text,
        takes,
      );
      return true;
    }
    if (!('ResTarget' in node) || node.ResTarget.name !== undefined || node.ResTarget.val === undefined)
      return !replace(node);
    // A target without a name may take it from what is replaced: now()::date is called "now".
    const before = edits.length;
    const expression = node.ResTarget.val;
    walkNodes([expression], visit);
    const label = columnName(expression);
    if (edits.length > before && label !== '?column?') {
      const end = targetEnd(node.ResTarget.location ?? 0, text);
      edits.push({ start: end, end, pieces: [` AS ${quoteIdentifier(label)}`] });
    }
    return false;
  };
  walkNodes(root, visit);
  return edits;
}

function asksForProcess(node: Node): boolean {
  return 'FuncCall' in node && functionName(node.FuncCall).name === 'pg_backend_pid';
}

/** A value cannot stand where FROM wants a function. */
function refuseOnceInFrom(functions: readonly Node[], context: PlanContext, text: StatementText, takes: boolean): void {
  for (const node of functions) {
    const extent = onceExtent(node, context, text, takes);
    if (extent !== undefined) {
      throw refuse(
        'a function of the current time or session in FROM, over several shards',
        'Call it in the select list or in WHERE.',
        {
          position: text.position(extent.start),
        },
      );
    }
  }
}
