/** Random programs on pgring and on one PostgreSQL: running, comparing, cutting down and showing them. */

import { difference, readAnswer, refusalIn, type Answer } from './answer.js';
import type { RandomStatement } from './random-statement.js';
import { RawClient } from './raw-client.js';
import type { Rig } from './rig.js';

export interface Tally {
  compared: number;
  /** Those that PostgreSQL refuses too. */
  failed: number;
  /** How often each construct was refused, with an example. */
  readonly refused: Map<string, { count: number; readonly example: string }>;
}

export function newTally(): Tally {
  return { compared: 0, failed: 0, refused: new Map() };
}

export interface Difference {
  readonly statement: number;
  readonly text: string;
}

/** What became of one statement. */
export type Outcome =
  | { readonly kind: 'equal'; readonly failed: boolean; readonly status: string }
  | { readonly kind: 'refused'; readonly status: string }
  | { readonly kind: 'different'; readonly text: string };

export async function ask(client: RawClient, statement: RandomStatement): Promise<Answer> {
  const { sql, types, executions, maximumRows } = statement;
  return readAnswer(
    statement.protocol === 'simple'
      ? await client.simple(sql)
      : await client.pipeline(sql, types, executions, maximumRows),
  );
}

/** Of several rows that exist already, or are missing, on several shards, any may be the one that is named (docs/operations.md). */
function anyDuplicate(answer: Answer): Answer {
  const parts = answer.parts.map((part) =>
    part.kind === 'error' && /^23(505|503)$/.test(part.sqlstate)
      ? { ...part, detail: part.detail?.replace(/=\(.*\) (already|is)/, '=(…) $1') }
      : part,
  );
  return { ...answer, parts };
}

/** The error that ends an answer. */
function stateOf(answer: Answer): string | undefined {
  for (const part of answer.parts) if (part.kind === 'error') return part.sqlstate;
  return undefined;
}

/** Values out of range and violated constraints: each row may have its own. */
const ofRows = /^(21|22|23)/;

/**
 * Whether both failed at a row, each at another one: of several rows with errors that differ, PostgreSQL tells of the one
 * that it comes to first, and several shards come to several.
 */
function failAtOtherRows(actual: Answer, expected: Answer): boolean {
  const [ours, theirs] = [stateOf(actual), stateOf(expected)];
  return (
    ours !== undefined &&
    theirs !== undefined &&
    ofRows.test(ours) &&
    ofRows.test(theirs) &&
    actual.status === expected.status
  );
}

/** A refused construct without the names in it. */
export function constructOf(refusal: string): string {
  return refusal
    .replaceAll(/"[^"]*"/g, '"…"')
    .replaceAll(/\b\w+\(\)/g, '…()')
    .replaceAll(/\([a-z0-9_, ]+\)/g, '(…)');
}

export interface Clients {
  readonly pgring: RawClient;
  readonly oracle: RawClient;
}

/** A machine that others use too may take its time; what hangs is found all the same. */
const ANSWER_MS = 60_000;

export async function openClients(rig: Rig): Promise<Clients> {
  return {
    pgring: await RawClient.connect(rig.pgring, ANSWER_MS),
    oracle: await RawClient.connect(rig.oracle, ANSWER_MS),
  };
}

export function closeClients({ pgring, oracle }: Clients): void {
  pgring.close();
  oracle.close();
}

/** Asks both. `rowErrors`: of statements of several rows it is not compared at which row they fail. */
export async function runStatement(
  { pgring, oracle }: Clients,
  statement: RandomStatement,
  tally: Tally | undefined,
  rowErrors: 'exact' | 'any' = 'exact',
): Promise<Outcome> {
  try {
    const actual = await ask(pgring, statement);
    const refusal = refusalIn(actual);
    if (refusal !== undefined) {
      const construct = constructOf(refusal.replace(/ is not supported by pgring yet$/, ''));
      const known = tally?.refused.get(construct);
      if (known === undefined) tally?.refused.set(construct, { count: 1, example: statement.sql });
      else known.count += 1;
      if (actual.status === 'E') await oracle.simple('SELECT 1/0');
      return { kind: 'refused', status: actual.status };
    }
    const expected = await ask(oracle, {
      ...statement,
      sql: statement.sql.replaceAll(/ WITH \(pgring\.[^)]*\)/g, ''),
    });
    const failed = stateOf(expected) !== undefined;
    if (tally !== undefined) {
      tally.compared += 1;
      if (failed) tally.failed += 1;
    }
    const text = difference(anyDuplicate(actual), anyDuplicate(expected), statement.order);
    if (text === undefined || (rowErrors === 'any' && failAtOtherRows(actual, expected))) {
      return { kind: 'equal', failed, status: expected.status };
    }
    return { kind: 'different', text };
  } catch (error) {
    return { kind: 'different', text: String(error) };
  }
}

/** Runs a program again; returns the first difference. */
export type Replay = (statements: readonly RandomStatement[]) => Promise<Difference | undefined>;

/** Leaves out every statement without which the last one still differs. */
export async function shrinkProgram(
  replay: Replay,
  statements: readonly RandomStatement[],
  found: Difference,
): Promise<readonly RandomStatement[]> {
  let kept = statements.slice(0, found.statement + 1);
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = Math.max(kept.length - 1 - size, 0); start >= 0; start -= size) {
      const fewer = [...kept.slice(0, start), ...kept.slice(Math.min(start + size, kept.length - 1))];
      if (fewer.length === kept.length) break;
      const again = await replay(fewer);
      if (again !== undefined && again.statement === fewer.length - 1) kept = fewer;
      if (start === 0) break;
    }
  }
  return kept;
}

const SHOWN = 2_000;

export function show(statement: RandomStatement): string {
  const text = showWhole(statement);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)} … (${text.length} characters)` : text;
}

function showWhole({ sql, protocol, types, executions, maximumRows }: RandomStatement): string {
  if (protocol === 'simple') return `${sql};`;
  const values = executions.map(({ formats, values, resultFormats }) => {
    const shown = values.map((value, index) =>
      value === null ? 'NULL' : formats[index] === 1 ? `x${value.toString('hex')}` : value.toString('utf8'),
    );
    return `(${shown.join(', ')}) to [${resultFormats.join()}]`;
  });
  return `${sql}; -- extended [${types.join()}] ${values.join(' ')} rows ${maximumRows}`;
}

export function showRefusals(tally: Tally): string {
  const refusals = [...tally.refused].sort((left, right) => right[1].count - left[1].count);
  const sum = refusals.reduce((total, [, { count }]) => total + count, 0);
  return `${sum} refused\n${refusals.map(([construct, { count, example }]) => `  ${count} × ${construct}: ${example.slice(0, 300)}\n`).join('')}`;
}
