/** EXPLAIN: the plan of the statement inside, and what to put before each shard's SQL. */

import type { ExplainStmt } from 'libpg-query';

import { refuse } from '../base/errors.js';
import { declaredStart } from './plan-session.js';
import type { Plan } from './plan.js';
import type { StatementText } from './text.js';
import { stringValue } from './tree.js';

const formats = ['text', 'json', 'xml', 'yaml'] as const;

const explainable: ReadonlySet<Plan['kind']> = new Set(['pass', 'scatter', 'combine', 'insert', 'modify', 'execute']);

/** `planInner` plans the statement that begins at a byte. */
export function planExplain(explain: ExplainStmt, text: StatementText, planInner: (start: number) => Plan): Plan {
  let analyze = false;
  let format: (typeof formats)[number] = 'text';
  for (const node of explain.options ?? []) {
    if (!('DefElem' in node)) continue;
    const { defname, arg } = node.DefElem;
    const value =
      arg === undefined ? 'true' : (stringValue(arg) ?? ('Integer' in arg ? String(arg.Integer.ival ?? 0) : 'true'));
    if (defname === 'analyze') analyze = !['false', 'off', '0'].includes(value.toLowerCase());
    if (defname === 'format') {
      const found = formats.find((candidate) => candidate === value.toLowerCase());
      if (found === undefined) throw refuse(`the EXPLAIN format ${value}`, 'Use TEXT, JSON, XML or YAML.');
      format = found;
    }
  }
  let index = 1;
  if (text.word(1) === '(') index = text.closingIndex(1) + 1;
  else while (['analyze', 'analyse', 'verbose'].includes(text.word(index))) index += 1;
  const start = text.word(index) === 'declare' ? declaredStart(text, index) : text.startOf(index);
  const inner = planInner(start);
  if (!explainable.has(inner.kind)) {
    throw refuse('EXPLAIN of this statement', 'Explain a SELECT, INSERT, UPDATE or DELETE.');
  }
  const prefix = text.slice(text.start, start);
  return { kind: 'explain', inner, statement: text.pieces(start, text.end), prefix, analyze, format };
}
