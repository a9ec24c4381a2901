/** psql, as a person would use it, but without the person's ~/.psqlrc. */

import { type ProgramResult, runProgram } from './program.js';

export interface PsqlOptions {
  readonly host?: string;
  readonly port: number;
  readonly user?: string;
  readonly database?: string;
  /** Ends at the first error with exit code 3. */
  readonly stopOnError?: boolean;
  /** Rows only, unaligned: `-At`. */
  readonly tuplesOnly?: boolean;
  readonly parameters?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Feeds the script to psql on its standard input. */
export async function runPsql(script: string, options: PsqlOptions): Promise<ProgramResult> {
  const parameters = [
    '--no-psqlrc',
    `--host=${options.host ?? '127.0.0.1'}`,
    `--port=${options.port}`,
    `--username=${options.user ?? 'postgres'}`,
    `--dbname=${options.database ?? 'postgres'}`,
    ...(options.stopOnError === true ? ['--set', 'ON_ERROR_STOP=1'] : []),
    ...(options.tuplesOnly === true ? ['--no-align', '--tuples-only'] : []),
    ...(options.parameters ?? []),
  ];
  return await runProgram('psql', parameters, {
    input: script,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}
