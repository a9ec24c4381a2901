/** Whether pgring reads a client's text as its servers do, by the parameters that they have reported. */

import { refuse } from '../base/errors.js';

type Parameters = ReadonlyMap<string, string>;

const BACKSLASH = 0x5c;

/** Statements are read as UTF-8; SQL_ASCII means that nobody converts, so the bytes are the servers' own UTF-8. */
const readableEncodings: ReadonlySet<string> = new Set(['UTF8', 'SQL_ASCII']);

/** The parser takes a backslash in '…' for itself; where the servers would not, nothing is guessed. */
export function checkStrings(sql: Buffer, parameters: Parameters): void {
  if (parameters.get('standard_conforming_strings') !== 'off' || !sql.includes(BACKSLASH)) return;
  throw refuse(
    'a backslash while standard_conforming_strings is off',
    "SET standard_conforming_strings = on, and write E'…' where escapes are meant.",
  );
}

export function checkEncoding(parameters: Parameters): void {
  const encoding = parameters.get('client_encoding') ?? 'UTF8';
  if (!readableEncodings.has(encoding)) throw refuse(`client_encoding ${encoding}`, 'SET client_encoding = UTF8.');
}
