/** Errors of shards that copy a part of the client's rows, in terms of all of them. */

import { PgError, refuse } from '../../base/errors.js';
import { rowContext } from '../copy/errors.js';
import type { KeyField } from '../copy/splitter.js';
import type { ShardError } from './copy-shards.js';

const contextLine = /^COPY .*?, line (\d+)/m;

interface CopyTerms {
  readonly relation: string;
  /** Columns that the shards were given besides the client's. */
  readonly added: number;
  readonly delimiter: string;
  /** The header line as the client sent it. */
  readonly header: Buffer;
  /** The client's line of the shard's. */
  readonly lineOf: (shardLine: number) => number | undefined;
}

/** The error with the client's line in its context in place of the shard's, or with none where that is not known. */
export function inClientsTerms(error: PgError, { relation, added, delimiter, header, lineOf }: CopyTerms): ShardError {
  const { where } = error.fields;
  const shardLine = contextLine.exec(where ?? '')?.[1];
  if (where === undefined || shardLine === undefined) return { error, line: Infinity };
  const line = lineOf(Number(shardLine));
  const place = line === undefined ? '' : `, line ${line}`;
  // The header that the shards saw has more names than the client's.
  const moved =
    added > 0 && header.length > 0 && line === 1
      ? rowContext(relation, 1, header, 0, header.length)
      : withoutAdded(where, added, delimiter).replace(
          /^(COPY .*?), line \d+/m,
          (_all, before: string) => `${before}${place}`,
        );
  const fields = /^(wrong number of fields in header line): got (\d+), expected (\d+)$/.exec(error.message);
  const message =
    fields === null
      ? error.message
      : `${fields[1]}: got ${Number(fields[2]) - added}, expected ${Number(fields[3]) - added}`;
  return { error: new PgError(error.sqlstate, message, { ...error.fields, where: moved }), line: line ?? Infinity };
}

/** A row that is shown whole has the fields behind it that were added. */
function withoutAdded(where: string, added: number, delimiter: string): string {
  if (added === 0 || !/^COPY .*?, line \d+: ".*[^.]"$/s.test(where)) return where;
  let end = where.length - 1;
  for (let field = 0; field < added; field += 1) end = where.lastIndexOf(delimiter, end - 1);
  return end < 0 ? where : `${where.slice(0, end)}"`;
}

/** The client's line that an error names. */
export function namedLine(error: PgError): number {
  const line = contextLine.exec(error.fields.where ?? '')?.[1];
  return line === undefined ? Infinity : Number(line);
}

/** Values of the home shard are in UTF-8. */
export function checkAscii(values: readonly (KeyField | null)[]): void {
  const isAscii = values.every(
    (value) => value === null || value.bytes.subarray(value.start, value.end).every((byte) => byte < 0x80),
  );
  if (isAscii) return;
  throw refuse(
    'COPY FROM in another encoding than UTF-8 that leaves a column to a default with other than ASCII characters',
    'Send the data in UTF-8.',
  );
}

/** A field that stands for a default which its shard must not give. */
export function refuseDefaultText(relation: string, column: string, line: number): PgError {
  return refuse(
    `the default text for the column "${column}" in COPY FROM`,
    'Give it a value, or leave the column out of the list.',
    { where: `COPY ${relation}, line ${line}` },
  );
}
