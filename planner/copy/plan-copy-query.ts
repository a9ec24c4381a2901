/** COPY (query) TO: by the shards where their answers add up, else gathered and written here, else by PostgreSQL. */

import type { CopyStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import type { Binder } from '../bind/bind.js';
import { COPIED_ROWS } from './copied-query.js';
import { planInsert } from '../write/plan-insert.js';
import { planModify } from '../write/plan-modify.js';
import { planSelect } from '../select/plan-select.js';
import type { CopyFormat, Plan, ScatterPlan, SqlPiece } from '../plan/plan.js';
import type { StatementText } from '../tree/text.js';
import { nameParts, stringValue } from '../tree/tree.js';

/** Plans the bytes from `start` to `end` as a statement of its own. */
export type PlanStretch = (node: Node, start: number, end: number) => Plan;

export function planCopyQuery(
  copy: CopyStmt,
  query: Node,
  format: CopyFormat,
  binder: Binder,
  planInner: PlanStretch,
): Plan {
  const { text } = binder;
  if (!('SelectStmt' in query)) return planCopyWrite(query, format, binder);
  const whole = planSelect(query.SelectStmt, binder);
  if (whole.kind === 'pass') return whole;
  if (whole.kind === 'combine') {
    if (whole.session === 'own') {
      throw refuse('COPY of a query over several shards that takes from a sequence', 'Run the SELECT itself.');
    }
    const { shipments, sql, computed, readsOutside, callsUncommitted } = whole;
    const takesParameters = false;
    return { kind: 'copyCombined', shipments, sql, computed, takesParameters, readsOutside, callsUncommitted };
  }
  const { start, end, close } = stretchOf(text);
  const inner = planInner(query, start, end);
  if (inner.kind !== 'scatter') throw refuse('COPY of this query', 'Run the SELECT itself.');
  const { routing, computed } = inner;
  if (inner.locks && (inner.limit !== undefined || inner.offset !== undefined)) {
    throw refuse('COPY of a query that locks rows up to a limit', 'Run the SELECT itself.');
  }
  const isPlain = isConcatenated(inner) && computed.length === 0;
  if (isPlain && format.kind !== 'binary') {
    return { kind: 'copyTo', sql: 'client', format, routing, access: 'read', computed: [], holdsOids: false };
  }
  checkEncoding(copy, text);
  const pieces: readonly SqlPiece[] = text.pieces(start, end);
  return {
    kind: 'copyGathered',
    inner: { ...inner, sql: inner.sql === 'client' ? pieces : inner.sql },
    format,
    forceQuote: forcedQuotes(copy),
    empty: [COPIED_ROWS, ...pieces, '\n) AS pgring WHERE false', ...text.pieces(close, text.end)],
  };
}

function isConcatenated({ gather, limit, offset }: ScatterPlan): boolean {
  return gather.kind === 'concatenate' && limit === undefined && offset === undefined;
}

/** Where the query stands between its brackets, and where the closing one is. */
function stretchOf(text: StatementText): { readonly start: number; readonly end: number; readonly close: number } {
  let open = 1;
  while (text.word(open) !== '(') open += 1;
  const closing = text.closingIndex(open);
  return { start: text.startOf(open + 1), end: text.endOf(closing - 1), close: text.startOf(closing) };
}

/** INSERT, UPDATE, DELETE or MERGE with RETURNING: where each shard can copy out what it did. */
function planCopyWrite(node: Node, format: CopyFormat, binder: Binder): Plan {
  const plan = 'InsertStmt' in node ? planInsert(node.InsertStmt, binder) : planModify(node, binder);
  if (plan.kind === 'pass') return plan;
  if (plan.kind === 'modify' && plan.outcome === 'sum' && format.kind !== 'binary') {
    const { sql, routing, computed } = plan;
    return { kind: 'copyTo', sql, format, routing, access: 'write', computed, holdsOids: false };
  }
  throw refuse(
    'COPY of a statement that writes to several shards in this way',
    'Run the statement with RETURNING instead.',
    { position: binder.text.position(binder.text.start) },
  );
}

/** FORCE_QUOTE: names, or a star for all. */
function forcedQuotes(copy: CopyStmt): 'all' | readonly string[] {
  for (const node of copy.options ?? []) {
    if (!('DefElem' in node) || node.DefElem.defname !== 'force_quote') continue;
    const { arg } = node.DefElem;
    if (arg !== undefined && 'A_Star' in arg) return 'all';
    return arg !== undefined && 'List' in arg ? nameParts(arg.List.items) : [];
  }
  return [];
}

function checkEncoding(copy: CopyStmt, text: StatementText): void {
  for (const node of copy.options ?? []) {
    if (!('DefElem' in node) || node.DefElem.defname !== 'encoding') continue;
    if (/^(utf-?8|unicode)$/i.test(stringValue(node.DefElem.arg) ?? '')) continue;
    throw refuse('COPY of an ordered, limited or aggregated query in another encoding', 'Leave ENCODING out.', {
      position: text.position(node.DefElem.location ?? 0),
    });
  }
}
