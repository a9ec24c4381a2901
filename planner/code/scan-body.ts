/**
 * A PL/pgSQL body that the parser does not take, read by its words alone: every name that is a relation's is taken for
 * one, and every name before a parenthesis for a call. That takes in more than there is, and misses nothing but SQL
 * that is made of strings, which is not read.
 */

import { tokens, type Token } from '../parse/tokens.js';
import { resolveRelation, type NamingContext } from '../tree/scope.js';
import type { SqlReader } from './read-sql.js';

const writing: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'merge', 'truncate']);

const unreadable: ReadonlySet<string> = new Set([
  'execute',
  'create',
  'alter',
  'drop',
  'grant',
  'revoke',
  'copy',
  'prepare',
  'do',
  'comment',
  'reset',
  'refresh',
  'reindex',
  'vacuum',
  'set_config',
]);

export function scanBody(source: string, reader: SqlReader, context: NamingContext): void {
  const all = tokens(Buffer.from(source));
  const words = new Set(all.flatMap((token) => (token.kind === 'word' ? [token.text] : [])));
  const stop = [...words].find((word) => unreadable.has(word));
  if (stop !== undefined) reader.cannotRead(stop.toUpperCase());
  const writes = [...words].some((word) => writing.has(word));
  if (['commit', 'rollback', 'lock', 'notify', 'share'].some((word) => words.has(word))) reader.dependsOn('server');
  if (words.has('listen') || words.has('unlisten')) reader.leaves.add('LISTEN');
  if (['notify', 'pg_notify', 'listen', 'unlisten'].some((word) => words.has(word))) reader.notifies = true;
  if (words.has('raise')) reader.dependsOn('random');
  if ([...words].some((word) => /^(current_(date|time|timestamp)|localtime|localtimestamp)$/.test(word))) {
    reader.dependsOn('time');
  }
  all.forEach((token, index) => {
    if (token.kind === 'symbol') {
      reader.read({ A_Expr: { name: [{ String: { sval: token.text } }] } });
      return;
    }
    if (!isName(token)) return;
    if (token.text === 'for' && ['update', 'no', 'key'].includes(all[index + 1]?.text ?? ''))
      reader.dependsOn('server');
    const previous = all[index - 1]?.text === '.' ? all[index - 2] : undefined;
    const schema = previous !== undefined && isName(previous) ? previous.text : undefined;
    for (const name of [
      { schema: undefined, name: token.text },
      { schema, name: token.text },
    ]) {
      const found = resolveRelation(name, context);
      if (found === undefined) continue;
      const range = { relname: name.name, ...(name.schema === undefined ? {} : { schemaname: name.schema }) };
      reader.read({ RangeVar: range });
      if (writes && found !== 'catalog') reader.read({ InsertStmt: { relation: range } });
    }
    if (all[index + 1]?.text === '(') {
      reader.readAnyCall({ schema, name: token.text });
    }
  });
}

function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted name';
}
