/** One file of PostgreSQL's regression tests, statement by statement on all sides. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readAnswer, refusalIn, type Answer } from '../oracle/answer.js';
import { RawClient, type Address } from '../oracle/raw-client.js';
import { runPsql } from '../support/psql.js';
import { readPsqlScript, ScriptVariables } from './psql-script.js';
import { database, type Sides } from './sides.js';
import { judge, type Verdict } from './verdict.js';

export interface Outcome {
  readonly line: number;
  readonly sql: string;
  readonly verdict: Verdict | { readonly kind: 'skipped'; readonly reason: string };
}

export interface FileResult {
  readonly file: string;
  readonly outcomes: readonly Outcome[];
}

/** Joins over tables of ten thousand rows take a while on a busy machine. */
const ANSWER_MS = 60_000;

/** As pg_regress sets them for its own psql (pg_regress.c, initialize_environment). */
const settings = [
  "SET timezone = 'America/Los_Angeles'",
  "SET datestyle = 'Postgres, MDY'",
  'SET intervalstyle = postgres_verbose',
];

/** A connection that is made anew when it was lost. */
class Side {
  readonly #address: Address;
  #client: RawClient | undefined;

  constructor(address: Address) {
    this.#address = address;
  }

  async ask(sql: string, copy?: Buffer): Promise<Answer> {
    try {
      this.#client ??= await this.#connect();
      return readAnswer(await this.#client.simple(sql, copy));
    } catch (error) {
      this.close();
      const message = `the connection was lost: ${String(error)}`;
      const part = { kind: 'error', sqlstate: 'none', message, position: undefined, detail: undefined } as const;
      return { parts: [{ ...part, hint: undefined, about: '' }], reported: new Map(), status: 'I' };
    }
  }

  /** What psql writes for a meta command of its own, on another connection. */
  async describe(command: string): Promise<string> {
    const { host, port } = this.#address;
    const result = await runPsql(`${command}\n`, { host, port, database });
    return `${result.stdout}${result.stderr}`;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.#address, ANSWER_MS);
    for (const setting of settings) await client.simple(setting);
    return client;
  }
}

export async function runFile(sides: Sides, folder: string, file: string): Promise<FileResult> {
  const pgring = new Side(sides.pgring);
  const whole = new Side(sides.whole);
  const spared = new Side(sides.spared);
  const outcomes: Outcome[] = [];
  const variables = new ScriptVariables(
    new Map([
      ['PG_ABS_SRCDIR', folder],
      ['PG_LIBDIR', '/nowhere'],
      ['PG_DLSUFFIX', '.so'],
    ]),
  );
  variables.set('DBNAME', database);
  const text = readFileSync(join(folder, 'sql', `${file}.sql`), 'utf8');
  for (const item of readPsqlScript(text, variables)) {
    if (item.kind === 'meta') {
      const { line, command } = item;
      if (variables.obey(command) || !/^\\(d|s[fv])/.test(command)) continue;
      const texts = [await pgring.describe(command), await whole.describe(command), await spared.describe(command)];
      outcomes.push({ line, sql: command, verdict: compareTexts(texts) });
      continue;
    }
    const { line } = item;
    const reason = reasonToSkip(item.sql);
    if (reason !== undefined) {
      outcomes.push({ line, sql: item.sql, verdict: { kind: 'skipped', reason } });
      continue;
    }
    const { sql, copy } = withClientData(item.sql, item.copy, folder);
    const wholeAnswer = whole.ask(sql, copy);
    const answer = await pgring.ask(sql, copy);
    const refused = refusalIn(answer) !== undefined;
    let sparedAnswer: Answer | undefined;
    if (!refused) sparedAnswer = await spared.ask(sql, copy);
    else if (answer.status === 'E') await spared.ask('SELECT 1/0');
    const verdict = judge({ sql, pgring: answer, whole: await wholeAnswer, spared: sparedAnswer });
    outcomes.push({ line, sql, verdict });
  }
  for (const side of [pgring, whole, spared]) side.close();
  return { file, outcomes };
}

function compareTexts([actual, whole, spared]: readonly string[]): Verdict {
  if (actual === whole) return { kind: 'equal' };
  if (actual === spared) return { kind: 'consequence' };
  return { kind: 'different', text: `pgring:\n${actual}\nPostgreSQL:\n${whole}` };
}

/** What no side can run: the functions of regress.so, a library that comes with the tests' build only. */
function reasonToSkip(sql: string): string | undefined {
  if (/^create (or replace )?function\b/i.test(sql) && /'\/nowhere\/regress/.test(sql))
    return 'a function of regress.so';
  if (/\btablespace\b/i.test(sql) && /^create tablespace/i.test(sql)) return 'a tablespace in place';
  return undefined;
}

/** A server-side COPY FROM of the tests' data, as a COPY FROM STDIN. */
function withClientData(
  sql: string,
  copy: Buffer | undefined,
  folder: string,
): { readonly sql: string; readonly copy: Buffer | undefined } {
  const path = /^copy\b[\s\S]*?\bfrom\s+'([^']+)'/i.exec(sql)?.[1];
  if (path === undefined) return { sql, copy };
  const local = join(folder, 'data', basename(path));
  if (!existsSync(local)) return { sql, copy };
  return { sql: sql.replace(`'${path}'`, 'STDIN'), copy: readFileSync(local) };
}
