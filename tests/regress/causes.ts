/** Why an answer may differ from that of one PostgreSQL, for statements whose answer is not determined by their text. */

interface Cause {
  readonly file: string;
  /** Something that the statement has and its neighbours have not. */
  readonly mark: RegExp;
  readonly cause: string;
}

const causes: readonly Cause[] = [];

export function knownCause(file: string, sql: string): string | undefined {
  return causes.find((each) => each.file === file && each.mark.test(sql))?.cause;
}
