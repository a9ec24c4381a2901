/** The ratio that is kept, so that a change which makes pgring dearer is seen. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryRoot } from '../../tests/support/repo.js';
import { groupCells, processorRatio, type Cell } from './report.js';

/** Ratios of short runs on a busy machine differ by a tenth or so. */
const MARGIN = 0.3;

const keptFile = join(repositoryRoot, 'bench/pgbench/kept.json');
/** By workload and protocol. */
const keptSchema = z.object({ against: z.string(), ratios: z.record(z.string(), z.number()) });

function byWorkload(cells: readonly Cell[], of: string, to: string): ReadonlyMap<string, number> {
  const measured = [...groupCells(cells)].map(([name, group]) => [name, processorRatio(group, of, to)] as const);
  return new Map(measured.filter(([, ratio]) => Number.isFinite(ratio)));
}

/** Keeps the processor time of `of` against `to`, for each workload and protocol. */
export function keep(cells: readonly Cell[], of: string, to: string): void {
  const ratios = Object.fromEntries(
    [...byWorkload(cells, of, to)].map(([name, ratio]) => [name, Number(ratio.toFixed(2))] as const),
  );
  writeFileSync(keptFile, `${JSON.stringify({ against: to, ratios }, null, 2)}\n`);
}

/** Whether no ratio has grown by more than the margin; says which have. */
export function compareWithKept(cells: readonly Cell[], of: string, to: string, say: (line: string) => void): boolean {
  const { ratios } = keptSchema.parse(JSON.parse(readFileSync(keptFile, 'utf8')));
  let held = true;
  for (const [name, ratio] of byWorkload(cells, of, to)) {
    const kept = ratios[name];
    if (kept === undefined) continue;
    const grown = ratio > kept * (1 + MARGIN);
    held &&= !grown;
    say(`${name}: CPU ${ratio.toFixed(2)} times ${to}'s, kept ${kept.toFixed(2)}${grown ? ': WORSE' : ''}`);
  }
  return held;
}
