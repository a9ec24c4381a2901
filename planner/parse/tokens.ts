/** The tokens of a statement, for finding the ends of clauses: nodes of the tree say only where they start. */

import { PgError, sqlstate } from '../../base/errors.js';
import { quotedNameText } from './literal.js';
import * as scan from './scanner.js';

type TokenKind = 'word' | 'quoted name' | 'integer' | 'float' | 'string' | 'bit' | 'parameter' | 'symbol';

/** Byte offsets, end exclusive. */
export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** A word in lower case, a quoted name without its quotes, a symbol or parameter as written; '' for literals. */
  readonly text: string;
}

const kinds: readonly (TokenKind | undefined)[] = [
  undefined,
  undefined,
  'word',
  'quoted name',
  'quoted name',
  'integer',
  'float',
  'string',
  'string',
  'string',
  'string',
  'bit',
  'parameter',
  'symbol',
];

/** All tokens between the offsets; comments and white space are none. Throws 42601 on what is no token. */
export function tokens(sql: Buffer, start = 0, end = sql.length): Token[] {
  const scanner = new scan.Scanner(sql, start, end);
  const found: Token[] = [];
  for (;;) {
    const code = scanner.next();
    if (code === scan.END) return found;
    const kind = kinds[code];
    if (kind === undefined) {
      const near = sql.toString('utf8', scanner.start < 0 ? start : scanner.start, end).slice(0, 40);
      throw new PgError(sqlstate.syntaxError, `syntax error at or near "${near}"`);
    }
    found.push({ kind, start: scanner.start, end: scanner.end, text: textOf(sql, kind, scanner) });
  }
}

function textOf(sql: Buffer, kind: TokenKind, scanner: scan.Scanner): string {
  if (kind === 'word') return lowerCase(sql.toString('utf8', scanner.start, scanner.end));
  if (kind === 'quoted name') return quotedNameText(sql, scanner.start, scanner.end);
  return kind === 'symbol' || kind === 'parameter' ? sql.toString('latin1', scanner.start, scanner.end) : '';
}

/** PostgreSQL folds only ASCII letters in UTF-8. */
function lowerCase(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
