#!/usr/bin/env node
/** The command line: what is typed, and what a person reads when something is wrong. */

import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ExplainOptions } from './explain.js';
import { exitCode } from './failure.js';
import { report } from './report.js';

const HELP = `
Examples:
  pgring dev                          three PostgreSQL servers and a proxy in front, nothing to install first
  pgring dev --shards 5 --ephemeral   five servers, their data removed at the end
  psql -h 127.0.0.1 -p 6432 -U postgres   works on the cluster as on one server
  pgring check && pgring start        a proxy in front of your own servers, as pgring.yaml says
  pgring advise --dump dump.sql       where the tables of an existing schema go, and why

Exit codes:
  0 success (also after Ctrl-C)      3 the configuration cannot be used
  1 a failure; check: findings       4 a port or data folder is taken
  2 wrong command line               5 a PostgreSQL server does not start or answer
`;

const DEV_HELP = `
Examples:
  pgring dev                                the data is kept in .pgring and used again at the next start
  pgring dev --shards 4 --data /tmp/four    another cluster in another folder
  pgring dev --listen 127.0.0.1:0           a port that the system chooses
  npm start -- --shards 4                   the same from a checkout

Ctrl-C drains the clients and stops the servers; a second Ctrl-C hurries.
`;

const EXPLAIN_HELP = `
Examples:
  pgring explain 'SELECT * FROM students WHERE id = 7'
  pgring explain --analyze --format json 'SELECT grade, avg(id) FROM students GROUP BY grade'
`;

const ADVISE_HELP = `
What it does:
  It proposes a placement for every table: sharded by a column, a reference table (a copy on every shard), or at home
  (on one shard), so that every primary key, unique constraint and foreign key holds. Large tables are sharded, tables
  that foreign keys join are kept together, and the rest is said with its reason. The rules that it prints go into
  pgring.yaml before the tables are created: then psql < dump.sql moves the schema in as it is.

  From a server it also reads how many rows and writes the tables have (run ANALYZE first) and, where the extension
  pg_stat_statements is there, how each statement that ran would run. Of a dump it counts the rows.

On a terminal it is a dialogue: a table's name tells what else the table could be and what would be refused then,
orders=customer_id chooses, and everything else is proposed anew around that. --set does the same for programs.

Examples:
  pgring advise --server postgresql://me@db.example:5432/shop
  pgring advise --dump dump.sql --format yaml >> pgring.yaml
  pgring advise --dump dump.sql --set orders=customer_id --set countries=reference
  pg_restore --file=- shop.dump | pgring advise --dump - --json

Exit codes: 0; 1 where choices given by --set break a constraint; 2 for a wrong command line or a file that is no dump;
5 where the server does not answer.
`;

const formats = ['text', 'json', 'xml', 'yaml'];

function countOfShards(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count;
  throw new InvalidArgumentError('Give a number from 1 to 64.');
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

interface AdviseArguments {
  readonly server?: string;
  readonly dump?: string;
  readonly shards: number;
  readonly set: readonly string[];
  readonly format: 'text' | 'json' | 'yaml';
  readonly json: boolean;
  readonly dialogue: boolean;
}

/** Commands are loaded when they are run, so that --help and errors in the command line come at once. */
function makeProgram(): Command {
  const program = new Command('pgring')
    .description('Makes a set of ordinary PostgreSQL servers look like one.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .option('--debug', 'print stack traces with errors')
    .helpCommand(false)
    .showHelpAfterError('(pgring --help shows what there is)')
    .addHelpText('after', HELP)
    .exitOverride();
  program
    .command('dev')
    .description('embedded PostgreSQL shards and a proxy in front: nothing to install first')
    .option('--shards <count>', 'how many servers (default: 3, or as many as the data folder has)', countOfShards)
    .option('--listen <address>', 'where clients connect: host:port, or the folder of a Unix socket', '127.0.0.1:6432')
    .option('--data <folder>', 'where the data is kept', '.pgring')
    .option('--ephemeral', 'keep no data: a temporary folder, removed at the end', false)
    .option('--fast', 'do not force data to disk: a crash of the machine can lose it', false)
    .addHelpText('after', DEV_HELP)
    .action(async (options: { shards?: number; listen: string; data: string; ephemeral: boolean; fast: boolean }) => {
      const { runDev } = await import('./dev.js');
      process.exitCode = await runDev({ ...options, shards: options.shards });
    });
  program
    .command('start')
    .description('a proxy in front of your own servers')
    .option('--config <file>', 'the configuration', 'pgring.yaml')
    .addHelpText('after', '\nLook at the servers first: pgring check --config pgring.yaml\n')
    .action(async (options: { config: string }) => {
      const { runStart } = await import('./start.js');
      process.exitCode = await runStart(options);
    });
  program
    .command('check')
    .description('say what is wrong with a configuration and with the servers it names')
    .option('--config <file>', 'the configuration', 'pgring.yaml')
    .option('--limits', 'also print every limit as it holds', false)
    .addHelpText('after', '\nExits with 0 when there is nothing to do (warnings allowed), else with 1.\n')
    .action(async (options: { config: string; limits: boolean }) => {
      const { runCheck } = await import('./check.js');
      process.exitCode = await runCheck(options);
    });
  program
    .command('explain')
    .description('say how a running pgring carries out a statement')
    .argument('<sql>', 'a SELECT, INSERT, UPDATE or DELETE')
    .option('--connect <string>', 'the running pgring', 'postgresql://postgres@127.0.0.1:6432/postgres')
    .option('--analyze', 'carry it out, and count and time what is done (a write is done)', false)
    .option('--verbose', 'all that the servers tell of their plans', false)
    .option('--no-costs', 'without the servers’ estimates')
    .addOption(new Option('--format <format>', 'how it is laid out').choices(formats).default('text'))
    .addHelpText('after', EXPLAIN_HELP)
    .action(async (sql: string, options: ExplainOptions) => {
      const { runExplain } = await import('./explain.js');
      process.exitCode = await runExplain(sql, options);
    });
  program
    .command('advise')
    .description('propose where the tables of an existing schema go, as rules for pgring.yaml')
    .option('--server <url>', 'the database to look at: postgresql://user@host:port/database')
    .option('--dump <file>', 'a plain dump of it (pg_dump), - for the standard input')
    .option('--shards <count>', 'how many shards there will be', countOfShards, 4)
    .option('--set <table=where>', 'choose a column, reference or home for a table; may be repeated', collect, [])
    .addOption(new Option('--format <format>', 'what to print').choices(['text', 'json', 'yaml']).default('text'))
    .option('--json', 'the same as --format json', false)
    .option('--no-dialogue', 'print and leave, on a terminal too')
    .addHelpText('after', ADVISE_HELP)
    .action(async (options: AdviseArguments) => {
      const { runAdvise } = await import('./advise.js');
      const { dialogue, json, ...rest } = options;
      const format = json ? 'json' : options.format;
      const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
      process.exitCode = await runAdvise({
        ...rest,
        format,
        interactive: dialogue && format === 'text' && isTerminal && options.dump !== '-',
      });
    });
  for (const command of program.commands) command.exitOverride();
  return program;
}

const program = makeProgram();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed what it is about; help and version end here too, with 0.
    process.exitCode = error.exitCode === 0 ? exitCode.success : exitCode.usage;
  } else {
    process.exitCode = report(error, { debug: program.opts<{ debug?: boolean }>().debug === true });
  }
}
