/** Rows on their way: whole DataRow frames, copied as seldom as possible. */

/** A run of whole DataRow frames ('D'), one after the other, in bytes[start, end). The receiver owns it. */
export interface RowRun {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly rows: number;
}
