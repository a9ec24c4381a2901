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
    .addHelpText('after', '\nExits with 0 when there is nothing to do (warnings allowed), else with 1.\n')
    .action(async (options: { config: string }) => {
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
