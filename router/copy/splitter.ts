/** COPY FROM data as a stream, cut into rows whose shard keys are seen. */

import type { CopyFormat, CopyIntake } from '../../planner/plan/plan.js';

/** The value of a key column: its text without escapes and quotes, or the binary format's own bytes. */
export interface KeyField {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** What a splitter finds. All that is handed over is valid during the call only: the bytes are reused afterwards. */
export interface CopySink {
  /**
   * One row, as the client sent it, with the value of each key column; null is the SQL NULL. From `fieldsEnd` on there
   * is but the line's end.
   */
  row(bytes: Buffer, start: number, end: number, key: readonly (KeyField | null)[], fieldsEnd: number): void;
  /** What belongs into every shard's data: the header line, the binary format's header and trailer. */
  broadcast(bytes: Buffer, start: number, end: number, fieldsEnd: number): void;
}

/**
 * Cuts data into rows where PostgreSQL would (src/backend/commands/copyfromparse.c), and reports what is malformed with
 * its words. The encoding must be one in which no multibyte character contains ASCII bytes, such as UTF-8.
 * It holds at most one unfinished row and one chunk.
 */
export interface CopySplitter {
  push(chunk: Buffer, sink: CopySink): void;
  /** The client's CopyDone: an unfinished last row is complete. */
  end(sink: CopySink): void;
  /** The number of the line that is being read, as PostgreSQL counts them. */
  readonly line: number;
  /** The first column of the row for which the default text stands, among those that were asked for; else -1. */
  readonly defaulted: number;
}

export interface CopySource {
  readonly format: CopyFormat;
  /** The table's name, for the CONTEXT of errors. */
  readonly relation: string;
  /** The columns of the data in order. */
  readonly columns: readonly string[];
  /** Indexes of the key columns among them, in the key's order. */
  readonly key: readonly number[];
  /** As server_version_num. From 18 on `\.` is data in CSV, and must stand alone on its line in text. */
  readonly serverVersion: number;
  readonly intake?: CopyIntake;
  /** Columns in which the default text is looked for, besides the key's. */
  readonly watched?: readonly number[];
  /** True: a row with too few or too many columns is an error here, not left to its server. */
  readonly complete?: boolean;
}

/** PostgreSQL 18, which changed the end-of-copy marker. */
export const strictMarkerVersion = 180_000;
