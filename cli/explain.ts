/** `pgring explain`: asks a running proxy how it carries out a statement. */

import { Client, DatabaseError } from 'pg';
import { exitCode, Failure, messageOf } from './failure.js';

export interface ExplainOptions {
  readonly connect: string;
  readonly analyze: boolean;
  readonly verbose: boolean;
  readonly costs: boolean;
  readonly format: string;
}

/** Prints the plan; returns the exit code. */
export async function runExplain(sql: string, options: ExplainOptions): Promise<number> {
  process.stdout.write(`${(await explainStatement(sql, options)).join('\n')}\n`);
  return exitCode.success;
}

/** The answer of EXPLAIN, line by line. */
export async function explainStatement(sql: string, options: ExplainOptions): Promise<readonly string[]> {
  const client = new Client({ connectionString: options.connect });
  try {
    await client.connect();
  } catch (error) {
    throw new Failure(`pgring does not answer at ${withoutPassword(options.connect)}`, {
      exitCode: exitCode.server,
      detail: messageOf(error),
      hint: 'Start it (pgring dev or pgring start), or name it: --connect postgresql://user@host:port/database',
    });
  }
  try {
    const { rows } = await client.query<[unknown]>({ text: explainSql(sql, options), rowMode: 'array' });
    return rows.map(([value]) => (typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)));
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new Failure(error.message, {
      detail: error.detail,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  } finally {
    await client.end();
  }
}

function explainSql(sql: string, { analyze, verbose, costs, format }: ExplainOptions): string {
  const chosen = [
    ...(analyze ? ['ANALYZE'] : []),
    ...(verbose ? ['VERBOSE'] : []),
    ...(costs ? [] : ['COSTS OFF']),
    `FORMAT ${format}`,
  ];
  return `EXPLAIN (${chosen.join(', ')}) ${sql}`;
}

function withoutPassword(connection: string): string {
  return connection.replace(/:[^:@/]*@/, '@');
}
