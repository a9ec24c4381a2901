/**
 * Reads the scripts in cases/. A statement ends where a line ends with `;` (with `\;` the next one goes into the same
 * message); data of COPY … FROM STDIN follow up to `\.`. Comment lines tell more:
 * - `-- section NAME`: what follows starts with an empty schema `public` and a new session
 * - `-- refused`: pgring refuses the next statement, with a hint
 * - `-- any order`: the next statement's rows come in any order although it says ORDER BY; `-- ordered`: the reverse
 * - `-- pgring: SQL`: only pgring gets that (create_distributed_table() and the like)
 */

import type { Order } from './answer.js';

export interface ScriptStatement {
  readonly line: number;
  readonly sql: string;
  readonly copy: Buffer | undefined;
  readonly refused: boolean;
  readonly order: Order;
  readonly only: 'both' | 'pgring';
}

export interface ScriptSection {
  readonly name: string;
  readonly statements: readonly ScriptStatement[];
}

export function parseScript(text: string): readonly ScriptSection[] {
  const sections: { name: string; statements: ScriptStatement[] }[] = [];
  const lines = text.split('\n');
  let pending: string[] = [];
  let start = 0;
  let refused = false;
  let order: Order | undefined;
  const add = (statement: ScriptStatement): void => {
    const section = sections.at(-1);
    if (section === undefined) throw new Error(`line ${statement.line}: a statement before the first section`);
    section.statements.push(statement);
  };
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (pending.length === 0) {
      const section = /^-- section (.*)$/.exec(line);
      const only = /^-- pgring: (.*)$/.exec(line);
      if (section !== null) sections.push({ name: section[1] ?? '', statements: [] });
      else if (only !== null) {
        const sql = only[1] ?? '';
        add({ line: index + 1, sql, copy: undefined, refused: false, order: 'any order', only: 'pgring' });
      } else if (line === '-- refused') refused = true;
      else if (line === '-- any order') order = 'any order';
      else if (line === '-- ordered') order = 'ordered';
      if (line.trim() === '' || line.startsWith('--')) continue;
      start = index + 1;
    }
    pending.push(line.endsWith('\\;') ? `${line.slice(0, -2)};` : line);
    if (!line.endsWith(';') || line.endsWith('\\;')) continue;
    const sql = pending.join('\n').slice(0, -1);
    pending = [];
    let copy: Buffer | undefined;
    if (/^copy\b.*\bfrom stdin\b/is.test(sql)) {
      const end = lines.indexOf('\\.', index + 1);
      copy = Buffer.from(
        lines
          .slice(index + 1, end)
          .map((row) => `${row}\n`)
          .join(''),
      );
      index = end;
    }
    const own = /\border by\b/i.test(sql) ? 'ordered' : 'any order';
    add({ line: start, sql, copy, refused, order: order ?? own, only: 'both' });
    refused = false;
    order = undefined;
  }
  return sections;
}
