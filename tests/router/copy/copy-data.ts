/** COPY with a real server, and the splitters' findings put down. */

import { createRequire } from 'node:module';
import { buffer } from 'node:stream/consumers';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client, Submittable } from 'pg';
import type { CopyFormat } from '../../../planner/plan/plan.js';
import { createSplitter } from '../../../router/copy/create-splitter.js';
import type { CopySource } from '../../../router/copy/splitter.js';

// The package has no types.
const copyStreams = createRequire(import.meta.url)('pg-copy-streams') as {
  readonly from: (sql: string) => Writable & Submittable;
  readonly to: (sql: string) => Readable & Submittable;
};

export async function copyTo(client: Client, sql: string): Promise<Buffer> {
  return await buffer(client.query(copyStreams.to(sql)));
}

export async function copyFrom(client: Client, sql: string, data: Buffer): Promise<void> {
  await pipeline(Readable.from(data.length === 0 ? [] : [data]), client.query(copyStreams.from(sql)));
}

interface Found {
  readonly rows: readonly { readonly raw: Buffer; readonly key: readonly (Buffer | null)[] }[];
  /** What goes to every shard before the first row and after the last. */
  readonly before: Buffer;
  readonly after: Buffer;
  readonly error: unknown;
  readonly line: number;
}

/** Splits data that arrives in chunks of the given sizes, over and over. The chunks are overwritten after use. */
export function split(source: CopySource, data: Buffer, sizes: readonly number[]): Found {
  const splitter = createSplitter(source);
  const rows: { raw: Buffer; key: (Buffer | null)[] }[] = [];
  const before: Buffer[] = [];
  const after: Buffer[] = [];
  let ending = false;
  const sink = {
    row: (
      bytes: Buffer,
      start: number,
      end: number,
      key: readonly ({ readonly bytes: Buffer; readonly start: number; readonly end: number } | null)[],
    ): void => {
      rows.push({
        raw: Buffer.from(bytes.subarray(start, end)),
        key: key.map((field) => (field === null ? null : Buffer.from(field.bytes.subarray(field.start, field.end)))),
      });
    },
    broadcast: (bytes: Buffer, start: number, end: number): void => {
      const isBefore = source.format.kind === 'binary' ? !ending : rows.length === 0;
      (isBefore ? before : after).push(Buffer.from(bytes.subarray(start, end)));
    },
  };
  let error: unknown;
  try {
    for (let at = 0, turn = 0; at < data.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1;
      const chunk = Buffer.from(data.subarray(at, at + size));
      splitter.push(chunk, sink);
      chunk.fill(0x21);
      at += size;
    }
    ending = true;
    splitter.end(sink);
  } catch (thrown) {
    error = thrown;
  }
  return { rows, before: Buffer.concat(before), after: Buffer.concat(after), error, line: splitter.line };
}

function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\t', '\\t').replaceAll('\u0001', '\\x01')}'`;
}

/** The options of a COPY in that format. */
export function optionsOf(format: CopyFormat): string {
  const options = [`FORMAT ${format.kind}`];
  if (format.kind !== 'binary') {
    options.push(`DELIMITER ${literal(format.delimiter)}`, `NULL ${literal(format.nullText)}`);
    if (format.header !== 'no') options.push(`HEADER ${format.header === 'yes' ? 'true' : 'match'}`);
  }
  if (format.kind === 'csv') options.push(`QUOTE ${literal(format.quote)}`, `ESCAPE ${literal(format.escape)}`);
  return options.join(', ');
}
