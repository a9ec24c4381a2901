/** `pgring advise`: proposes where the tables of an existing schema go. */

import type { Placement } from '../catalog/schema.js';
import { advise, parseWish } from './advise/advice.js';
import { converse } from './advise/dialogue.js';
import { readDumpFile } from './advise/read-dump.js';
import { readServer } from './advise/read-server.js';
import { reportJson, reportText } from './advise/report.js';
import { rulesText } from './advise/rules.js';
import type { AdvisedSchema, Choices } from './advise/schema.js';
import { exitCode, Failure } from './failure.js';

export interface AdviseOptions {
  readonly server?: string;
  readonly dump?: string;
  readonly shards: number;
  /** Choices of the person, as table=column. */
  readonly set: readonly string[];
  readonly format: 'text' | 'json' | 'yaml';
  readonly interactive: boolean;
}

/** Prints the advice, or talks about it; returns the exit code. */
export async function runAdvise(options: AdviseOptions): Promise<number> {
  const schema = await read(options);
  if (schema.tables.length === 0) {
    throw new Failure(`${schema.source} has no tables`, {
      hint: 'Name the database that has them: --server postgresql://user@host:port/database',
    });
  }
  const advice = advise(schema, options.shards, readWishes(options.set, schema));
  const { stdin, stdout } = process;
  if (options.interactive) {
    await converse(advice, stdin, stdout);
    return exitCode.success;
  }
  const text = { text: reportText, json: reportJson, yaml: () => rulesText(schema.tables, advice.choices) };
  stdout.write(text[options.format](advice));
  return advice.tables.some(({ refused }) => refused.length > 0) ? exitCode.failure : exitCode.success;
}

async function read({ server, dump }: AdviseOptions): Promise<AdvisedSchema> {
  if ((server === undefined) === (dump === undefined)) {
    throw new Failure('pgring advise needs one schema to look at', {
      exitCode: exitCode.usage,
      hint:
        'Of a server: pgring advise --server postgresql://user@host:port/database\n' +
        'Of a dump:   pgring advise --dump dump.sql',
    });
  }
  return dump === undefined ? await readServer(server ?? '') : await readDumpFile(dump);
}

function readWishes(set: readonly string[], schema: AdvisedSchema): Choices {
  const wishes = new Map<number, Placement>();
  for (const text of set) {
    const wish = parseWish(text, schema);
    if (typeof wish === 'string') {
      throw new Failure(`--set ${text}: ${wish}`, {
        exitCode: exitCode.usage,
        hint: 'Without --set, pgring advise says what each table can be (--format json: alternatives).',
      });
    }
    wishes.set(wish.table.oid, wish.placement);
  }
  return wishes;
}
