/** Text from clients must be UTF-8: what is read here is counted and cut in it. */

import { isUtf8 } from 'node:buffer';
import { PgError, sqlstate } from '../base/errors.js';

/** Errors: 22021 in PostgreSQL's words (src/backend/utils/mb/mbutils.c). */
export function requireUtf8(sql: Buffer): void {
  if (isUtf8(sql)) return;
  const start = firstInvalid(sql);
  const bytes = [...sql.subarray(start, start + sequenceBytes(sql[start] ?? 0))];
  const shown = bytes.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
  throw new PgError(sqlstate.characterNotInRepertoire, `invalid byte sequence for encoding "UTF8": ${shown}`);
}

/** Where the first sequence begins that is no UTF-8. */
function firstInvalid(sql: Buffer): number {
  let position = 0;
  while (position < sql.length) {
    const bytes = sequenceBytes(sql[position] ?? 0);
    if (position + bytes > sql.length || !isUtf8(sql.subarray(position, position + bytes))) return position;
    position += bytes;
  }
  return position;
}

/** The length that a first byte announces (pg_utf_mblen). */
function sequenceBytes(first: number): number {
  if ((first & 0xe0) === 0xc0) return 2;
  if ((first & 0xf0) === 0xe0) return 3;
  return (first & 0xf8) === 0xf0 ? 4 : 1;
}
