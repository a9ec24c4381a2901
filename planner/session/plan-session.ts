/** Rung 1: PREPARE, EXECUTE, DECLARE, FETCH, MOVE and CLOSE, which the session carries out itself. */

import type { ExecuteStmt, FetchStmt, Node } from 'libpg-query';

import { checkCalls } from '../checks/checks.js';
import type { PlanContext } from '../tree/context.js';
import type { ExecuteLiteral, ExecutePlan, FetchDirection, SessionPlan } from '../plan/session-plan.js';
import type { StatementText } from '../tree/text.js';

/** The bits of DeclareCursorStmt.options (CURSOR_OPT_…, src/include/nodes/parsenodes.h). */
const option = { binary: 0x1, scroll: 0x2, noScroll: 0x4, insensitive: 0x8, asensitive: 0x10, hold: 0x20 } as const;

/** FETCH_ALL is LONG_MAX of the parser, whose longs have 32 bits. */
const FETCH_ALL = 0x7fffffff;

/** The plan of a statement on prepared statements and cursors; undefined for other statements. */
export function planSession(node: Node, context: PlanContext, text: StatementText): SessionPlan | undefined {
  if ('PrepareStmt' in node) {
    let before = 1;
    if (text.word(2) === '(') before = text.closingIndex(2);
    return { kind: 'prepare', name: node.PrepareStmt.name ?? '', start: text.startOf(before + 2) };
  }
  if ('ExecuteStmt' in node) return planExecute(node.ExecuteStmt, context, text, 0);
  if ('DeclareCursorStmt' in node) {
    const { portalname = '', options = 0 } = node.DeclareCursorStmt;
    const has = (bit: number): boolean => (options & bit) !== 0;
    return {
      kind: 'declare',
      name: portalname,
      start: declaredStart(text, 0),
      options: {
        scroll: has(option.scroll) ? 'scroll' : has(option.noScroll) ? 'no scroll' : 'unspecified',
        insensitive: has(option.insensitive),
        asensitive: has(option.asensitive),
        binary: has(option.binary),
        hold: has(option.hold),
      },
    };
  }
  if ('FetchStmt' in node) {
    const { portalname = '', ismove } = node.FetchStmt;
    return { kind: 'fetch', name: portalname, move: ismove === true, ...directionOf(node.FetchStmt) };
  }
  if ('ClosePortalStmt' in node) return { kind: 'close', name: node.ClosePortalStmt.portalname };
  return undefined;
}

/** Where the query of a DECLARE, whose first token has this index, begins. */
export function declaredStart(text: StatementText, first: number): number {
  let index = first + 2;
  while (text.word(index) !== 'cursor') index += 1;
  while (text.word(index) !== 'for') index += 1;
  return text.startOf(index + 1);
}

function directionOf(fetch: FetchStmt): FetchDirection {
  const directions = {
    FETCH_FORWARD: 'forward',
    FETCH_BACKWARD: 'backward',
    FETCH_ABSOLUTE: 'absolute',
    FETCH_RELATIVE: 'relative',
  } as const;
  const direction = directions[fetch.direction ?? 'FETCH_FORWARD'];
  const count = Number(fetch.howMany ?? 0);
  const isAll = count === FETCH_ALL && (direction === 'forward' || direction === 'backward');
  return { direction, count: isAll ? Number.POSITIVE_INFINITY : count };
}

/** The plan of an EXECUTE whose first token has this index. */
export function planExecute(
  execute: ExecuteStmt,
  context: PlanContext,
  text: StatementText,
  first: number,
): ExecutePlan {
  const name = execute.name ?? '';
  const nodes = execute.params ?? [];
  if (nodes.length === 0) return { kind: 'execute', name, arguments: undefined, literals: [] };
  checkCalls(nodes, 'home', context, text);
  const open = first + 2;
  const start = text.endOf(open);
  const sql = text.slice(start, text.startOf(text.closingIndex(open)));
  const literals = nodes.map(literalOf);
  return {
    kind: 'execute',
    name,
    arguments: { sql, start, count: nodes.length },
    literals: literals.every((literal) => literal !== undefined) ? literals : undefined,
  };
}

function literalOf(node: Node): ExecuteLiteral | undefined {
  if (!('A_Const' in node)) return undefined;
  const { ival, sval, isnull } = node.A_Const;
  if (isnull === true) return { kind: 'null' };
  if (ival !== undefined) return { kind: 'integer', value: ival.ival ?? 0 };
  return sval === undefined ? undefined : { kind: 'string', text: sval.sval ?? '' };
}
