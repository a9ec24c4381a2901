/** EXPLAIN: the plan of the statement inside, and what to put before each shard's SQL. */

import type { ExplainStmt, Node } from 'libpg-query';

import { PgError, refuse, sqlstate } from '../base/errors.js';
import { declaredStart } from './session/plan-session.js';
import type { Plan } from './plan/plan.js';
import type { StatementText } from './tree/text.js';
import { stringValue } from './tree/tree.js';

const formats = ['text', 'json', 'xml', 'yaml'] as const;

const explainable: ReadonlySet<Plan['kind']> = new Set([
  'pass',
  'scatter',
  'combine',
  'insert',
  'insert select',
  'create table as',
  'modify',
  'staged',
  'execute',
]);

interface Options {
  readonly written: readonly string[];
  readonly format: (typeof formats)[number];
  readonly analyze: boolean;
  readonly costs: boolean;
  readonly summary: boolean;
}

const offValues: ReadonlySet<string> = new Set(['false', 'off', '0']);

/** As ParseExplainOptionList() reads them (commands/explain_state.c); what it does not know, the servers refuse. */
function optionsOf(explain: ExplainStmt): Options {
  const written: string[] = [];
  const values = new Map<string, string>();
  for (const node of explain.options ?? []) {
    if (!('DefElem' in node)) continue;
    const { defname = '', arg } = node.DefElem;
    const value = arg === undefined ? undefined : optionValue(arg);
    values.set(defname, (value ?? 'true').toLowerCase());
    if (defname !== 'format') written.push([defname.toUpperCase(), ...(value === undefined ? [] : [value])].join(' '));
  }
  const isOn = (name: string, otherwise: boolean): boolean => {
    const value = values.get(name);
    return value === undefined ? otherwise : !offValues.has(value);
  };
  const name = values.get('format') ?? 'text';
  const format = formats.find((candidate) => candidate === name);
  if (format === undefined) {
    throw new PgError(sqlstate.invalidParameterValue, `unrecognized value for EXPLAIN option "format": "${name}"`);
  }
  const analyze = isOn('analyze', false);
  return { written, format, analyze, costs: isOn('costs', true), summary: isOn('summary', analyze) };
}

function optionValue(arg: Node): string {
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  return stringValue(arg) ?? 'true';
}

/** The statement inside, as bytes of the text. */
interface Explained {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
}

/** `planInner` plans the statement inside. */
export function planExplain(
  explain: ExplainStmt,
  text: StatementText,
  planInner: (explained: Explained) => Plan,
): Plan {
  const { written: options, ...rest } = optionsOf(explain);
  let index = 1;
  if (text.word(1) === '(') index = text.closingIndex(1) + 1;
  else while (['analyze', 'analyse', 'verbose'].includes(text.word(index))) index += 1;
  const explained = explainedBy(explain, index, rest.analyze, text);
  const inner = planInner(explained);
  if (inner.kind === 'refuse') return inner;
  if (!explainable.has(inner.kind)) {
    throw refuse('EXPLAIN of this statement', 'Explain a SELECT, INSERT, UPDATE or DELETE.');
  }
  if (rest.analyze && inner.kind === 'modify' && inner.moves !== undefined) {
    throw refuse('EXPLAIN ANALYZE of an update of the shard key', 'Leave out ANALYZE.');
  }
  if (rest.analyze && inner.kind === 'modify' && inner.replication !== undefined) {
    throw refuse(
      'EXPLAIN ANALYZE of a write to a reference table that may come out otherwise on another copy',
      'Leave out ANALYZE.',
    );
  }
  if (rest.analyze && inner.kind === 'staged') {
    throw refuse('EXPLAIN ANALYZE of a statement in stages', 'Leave out ANALYZE.');
  }
  return { kind: 'explain', inner, statement: text.pieces(explained.start, explained.end), options, ...rest };
}

/** Of a cursor the plan of its query is told, and of CREATE TABLE AS too, unless it is carried out. */
function explainedBy({ query }: ExplainStmt, index: number, analyze: boolean, text: StatementText): Explained {
  if (query === undefined) throw refuse('this EXPLAIN', 'Explain a SELECT, INSERT, UPDATE or DELETE.');
  const whole = { node: query, start: text.startOf(index), end: text.end };
  if ('DeclareCursorStmt' in query && query.DeclareCursorStmt.query !== undefined) {
    return { ...whole, node: query.DeclareCursorStmt.query, start: declaredStart(text, index) };
  }
  if (analyze || !('CreateTableAsStmt' in query) || query.CreateTableAsStmt.query === undefined) return whole;
  const as = text.findTopLevel(index, (word) => word === 'as');
  let last = text.tokens().length - 1;
  if (text.word(last) === ';') last -= 1;
  // WITH [NO] DATA
  if (text.word(last) === 'data') last -= text.word(last - 1) === 'no' ? 3 : 2;
  return { node: query.CreateTableAsStmt.query, start: text.startOf(as + 1), end: text.endOf(last) };
}
