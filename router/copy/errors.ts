/** Errors in COPY data, with PostgreSQL's CONTEXT (CopyFromErrorCallback() in src/backend/commands/copyfrom.c). */

import { PgError } from '../../base/errors.js';

/** MAX_COPY_DATA_DISPLAY */
const displayedBytes = 100;

function displayed(bytes: Buffer, start: number, end: number): string {
  if (end - start <= displayedBytes) return bytes.toString('utf8', start, end);
  // A character is not cut: step back over continuation bytes.
  let cut = start + displayedBytes;
  while (cut > start && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut--;
  return `${bytes.toString('utf8', start, cut)}...`;
}

/** `COPY t, line 3` */
export function lineContext(relation: string, line: number): string {
  return `COPY ${relation}, line ${line}`;
}

/** `COPY t, line 3: "1\t2"` */
export function rowContext(relation: string, line: number, bytes: Buffer, start: number, end: number): string {
  return `${lineContext(relation, line)}: "${displayed(bytes, start, end)}"`;
}

/** `COPY t, line 3, column id: "x"`, for a key value that its type does not accept. */
export function columnContext(
  relation: string,
  line: number,
  column: string,
  value: { readonly bytes: Buffer; readonly start: number; readonly end: number },
): string {
  return `${lineContext(relation, line)}, column ${column}: "${displayed(value.bytes, value.start, value.end)}"`;
}

/** ERRCODE_BAD_COPY_FILE_FORMAT */
export function badCopyFormat(message: string, where?: string, hint?: string): PgError {
  return new PgError('22P04', message, {
    ...(where === undefined ? {} : { where }),
    ...(hint === undefined ? {} : { hint }),
  });
}
