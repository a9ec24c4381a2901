/** Runs specifications on both sides and counts what agrees. */

import { compare, type Difference } from './compare.js';
import { Player } from './play.js';
import type { Sides } from './sides.js';
import type { PlannedStep, Spec } from './spec.js';

export interface SpecResult {
  readonly name: string;
  /** Permutations of the specification, and those that were run. */
  readonly permutations: number;
  readonly run: number;
  readonly agree: number;
  /** Differences with the number of permutations that begin to differ so, and one step where they do. */
  readonly differences: ReadonlyMap<string, { readonly times: number; readonly step: string | undefined }>;
}

/** `most`: so many permutations are run, evenly chosen. */
export async function runSpec(
  sides: Sides,
  name: string,
  spec: Spec,
  most: number,
  tell: (permutation: readonly PlannedStep[], difference: Difference) => void,
): Promise<SpecResult> {
  const database = `isolation_${name.replaceAll(/\W/g, '_').toLowerCase()}`;
  await sides.makeDatabase(database);
  const one = new Player(sides.one, spec, database);
  const pgring = new Player(sides.pgring, spec, database);
  const differences = new Map<string, { times: number; step: string | undefined }>();
  let agree = 0;
  let run = 0;
  try {
    for (const permutation of chooseEvenly(spec.permutations, most)) {
      const [expected, given] = [await one.play(permutation), await pgring.play(permutation)];
      run += 1;
      const difference = compare(expected, given);
      if (difference === undefined) {
        agree += 1;
        continue;
      }
      const known = differences.get(difference.what);
      differences.set(difference.what, { times: (known?.times ?? 0) + 1, step: known?.step ?? difference.step });
      tell(permutation, difference);
      // What cannot be set up cannot be set up for any order of the steps.
      if ('kind' in given) {
        differences.set(difference.what, { times: spec.permutations.length, step: undefined });
        run = spec.permutations.length;
        break;
      }
    }
  } finally {
    await one.close();
    await pgring.close();
    await sides.dropDatabase(database);
  }
  return { name, permutations: spec.permutations.length, run, agree, differences };
}

function chooseEvenly<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return items.filter(
    (_item, index) => Math.floor((index * most) / items.length) !== Math.floor(((index - 1) * most) / items.length),
  );
}
