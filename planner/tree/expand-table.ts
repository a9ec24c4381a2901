/** `TABLE t` as `SELECT * FROM t`, where the text of a statement is to be rewritten: it has no place for hidden columns. */

import { normalize } from '../parse/tokenizer.js';
import { parseStatements } from '../parse/parser.js';
import type { PlanInput } from './context.js';
import type { Plan } from '../plan/plan.js';
import type { StatementText } from './text.js';

/** The statement written anew and parsed again; undefined where it is fine as it is. */
export function expandTable(plan: Plan, input: PlanInput, text: StatementText): PlanInput | undefined {
  const rewrites = plan.kind === 'combine' || plan.kind === 'insert select' || plan.kind === 'scatter';
  if (!rewrites || plan.sql === 'client') return undefined;
  const places = text.tokens().flatMap((token, index) => (isCommand(text, index) ? [token] : []));
  if (places.length === 0) return undefined;
  let sql = '';
  let at = text.start;
  for (const { start, end } of places) {
    sql += `${text.slice(at, start)}SELECT * FROM`;
    at = end;
  }
  const bytes = Buffer.from(sql + text.slice(at, text.end));
  const [statement] = parseStatements(bytes.toString('utf8'));
  return statement === undefined ? undefined : { ...input, statement, sql: bytes, slots: normalize(bytes)?.slots };
}

/** TABLE is a reserved word: only after a dot or AS it is a name. */
function isCommand(text: StatementText, index: number): boolean {
  const before = text.word(index - 1);
  return text.word(index) === 'table' && before !== '.' && before !== 'as';
}
