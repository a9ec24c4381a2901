/** `npm run bench:tpch`: TPC-H's 22 queries on pgring over four shards, beside one PostgreSQL with the same data. */

import { Command, InvalidArgumentError } from 'commander';
import { positive } from '../../tests/support/command-line.js';
import { describeRun } from '../support/machine.js';
import { writeSection } from '../support/page.js';
import { type Measurement, measure } from './measure.js';
import { measurementTable } from './report.js';
import { queryCount, readQuery } from './queries.js';
import { shardCount, startRig } from './rig.js';
import type { Layout } from './tables.js';

interface Options {
  readonly scale: number;
  readonly queries: readonly number[];
  readonly runs: number;
  readonly layout: Layout | 'both';
  readonly write: boolean;
}

const layouts: readonly Layout[] = ['co-located', 'default'];

function queryNumbers(text: string): readonly number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number >= 1 && number <= queryCount)) return numbers;
  throw new InvalidArgumentError(`Give numbers from 1 to ${queryCount}, such as 1,5,21.`);
}

function layoutNamed(text: string): Layout | 'both' {
  const found = [...layouts, 'both' as const].find((layout) => layout === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Give one of ${layouts.join(', ')}, both.`);
}

const program = new Command('bench:tpch')
  .description("TPC-H's 22 queries on pgring over four shards, beside one PostgreSQL with the same data.")
  .option('--scale <factor>', 'the scale factor: 1 is 1 GB of data', positive, 0.01)
  .option('--queries <numbers>', 'only these, such as 1,5,21', queryNumbers)
  .option('--runs <count>', 'timed runs of each query; the median counts', positive, 3)
  .option('--layout <layout>', 'co-located, default (by first column), or both', layoutNamed, 'both' as const)
  .option('--write', 'write the result to docs/tpch.md', false)
  .addHelpText(
    'after',
    '\nNeeds tpchgen-cli for the data: pip install tpchgen-cli\nnpm run bench:tpch -- --scale 0.1 --write\n',
  );

program.parse();
const given = program.opts<Partial<Options>>();
const options: Options = {
  scale: given.scale ?? 0.01,
  queries: given.queries ?? Array.from({ length: queryCount }, (_, index) => index + 1),
  runs: given.runs ?? 3,
  layout: given.layout ?? 'both',
  write: given.write ?? false,
};
process.exitCode = await run(options);

async function run({ scale, queries, runs, layout: wanted, write }: Options): Promise<number> {
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const rig = await startRig(scale, say);
  try {
    const where = `Scale factor ${scale}, ${shardCount} shards and one PostgreSQL on one machine: ${await describeRun(rig.postgres)}.`;
    const results = new Map<Layout, readonly Measurement[]>();
    for (const layout of wanted === 'both' ? layouts : [wanted]) {
      const subjects = await rig.subjects(layout);
      const measured: Measurement[] = [];
      for (const number of queries) {
        const result = await measure(readQuery(number, scale), subjects, runs);
        measured.push(result);
        const verdict =
          result.wrong ?? `equal, ${result.pgringMs.toFixed(1)} ms, alone ${result.postgresMs.toFixed(1)}`;
        say(`${layout} Q${number} (${result.rung}): ${verdict}`);
      }
      results.set(layout, measured);
    }
    for (const [layout, measured] of results) process.stdout.write(`\n${layout}\n\n${measurementTable(measured)}\n`);
    process.stdout.write(`\n${where}\n`);
    if (write) {
      writeSection('docs/tpch.md', 'run', where);
      for (const [layout, measured] of results) writeSection('docs/tpch.md', layout, measurementTable(measured));
    }
    return [...results.values()].flat().every(({ wrong }) => wrong === undefined) ? 0 : 1;
  } finally {
    await rig.close();
  }
}
