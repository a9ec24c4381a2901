/**
 * COPY FROM with ON_ERROR ignore: every shard tells of each row that it skips, and the client hears of them as one server
 * would tell it (CopyFrom() and NextCopyFrom() in src/backend/commands/).
 */

import { PgError, sqlstate, type PgNotice } from '../../base/errors.js';
import type { SkipRule } from '../../planner/plan/plan.js';

/** Notices that are held so that they come in the order of the data; beyond that they come as the shards send them. */
const HELD_NOTICES = 10_000;

const skipping = /^skipping row due to data type incompatibility at line (\d+) for column "(.*)": (null input|".*")$/s;
const summary = /^\d+ rows? (was|were) skipped due to data type incompatibility$/;

interface Skipped {
  readonly line: number;
  /** The column and what it does not take, as the CONTEXT of an error names it. */
  readonly place: string;
  readonly notice: PgNotice;
}

export class SkippedRows {
  readonly #rule: SkipRule;
  readonly #relation: string;
  readonly #tell: (notice: PgNotice) => void;
  readonly #held: Skipped[] = [];
  #count = 0;

  constructor(rule: SkipRule, relation: string, tell: (notice: PgNotice) => void) {
    this.#rule = rule;
    this.#relation = relation;
    this.#tell = tell;
  }

  /** Takes a shard's notice; false for one that is about something else. `lineOf` gives the client's line. */
  take(notice: PgNotice, lineOf: (shardLine: number) => number | undefined): boolean {
    if (summary.test(notice.message)) return true;
    const [, shardLine, column, value] = skipping.exec(notice.message) ?? [];
    if (shardLine === undefined) return false;
    this.#count += 1;
    const line = lineOf(Number(shardLine)) ?? Number(shardLine);
    const moved = { ...notice, message: notice.message.replace(/ at line \d+/, ` at line ${line}`) };
    if (this.#held.length < HELD_NOTICES) this.#held.push({ line, place: `column ${column}: ${value}`, notice: moved });
    else if (this.#rule.verbosity === 'verbose') this.#tell(moved);
    return true;
  }

  /** The error for more rows than may be skipped, with its line; undefined while there are fewer. */
  excess(): { readonly error: PgError; readonly line: number } | undefined {
    const { limit } = this.#rule;
    if (limit === undefined || this.#count <= limit) return undefined;
    const first = this.#inOrder()[limit];
    const error = new PgError(
      sqlstate.invalidTextRepresentation,
      `skipped more than REJECT_LIMIT (${limit}) rows due to data type incompatibility`,
      first === undefined ? {} : { where: `COPY ${this.#relation}, line ${first.line}, ${first.place}` },
    );
    return { error, line: first?.line ?? Infinity };
  }

  /** Tells of what was skipped; `before`: of the rows in front of that line only, and not how many they are. */
  report(before: number | undefined): void {
    if (this.#rule.verbosity === 'verbose') {
      for (const { line, notice } of this.#inOrder()) if (before === undefined || line <= before) this.#tell(notice);
    }
    if (before !== undefined || this.#count === 0 || this.#rule.verbosity === 'silent') return;
    const what = this.#count === 1 ? '1 row was' : `${this.#count} rows were`;
    this.#tell({
      severity: 'NOTICE',
      sqlstate: '00000',
      message: `${what} skipped due to data type incompatibility`,
    });
  }

  #inOrder(): readonly Skipped[] {
    return this.#held.toSorted((left, right) => left.line - right.line);
  }
}
