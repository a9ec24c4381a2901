/** The query of a COPY in its text. */

import { tokens } from '../parse/tokens.js';

/** What stands before the query where a COPY is made that has no rows. */
export const COPIED_ROWS = 'COPY (SELECT * FROM (';

/** Between the brackets behind COPY, as byte offsets. */
export function copiedQuery(sql: Buffer): { readonly start: number; readonly end: number } {
  const all = tokens(sql);
  const open = all.find(({ text }) => text === '(');
  let depth = 0;
  const close = all.find(({ text }) => {
    depth += text === '(' ? 1 : text === ')' ? -1 : 0;
    return text === ')' && depth === 0;
  });
  return { start: open?.end ?? 0, end: close?.start ?? sql.length };
}

/** The query alone, in its place: of COPY a server analyses nothing when it parses it. */
export function queryAlone(sql: Buffer): Buffer {
  const { start, end } = copiedQuery(sql);
  const before = Array.from(sql.toString('utf8', 0, start), () => ' ').join('');
  return Buffer.from(before + sql.toString('utf8', start, end));
}
