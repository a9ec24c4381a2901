/** What a suite gives on both sides, test by test. */

import { causeOf } from './causes.js';
import type { TestResult, TestResults } from './suites/suite.js';

export interface Comparison {
  readonly suite: string;
  readonly version: string;
  readonly leftOut: string | undefined;
  readonly one: Counts;
  readonly pgring: Counts;
  readonly differences: readonly Difference[];
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A test that passes on PostgreSQL only, or on pgring only. */
export interface Difference {
  readonly test: string;
  readonly passes: 'PostgreSQL' | 'pgring';
  readonly message: string;
  readonly cause: string | undefined;
}

export function compareResults(
  suite: string,
  one: TestResults,
  pgring: TestResults,
): Pick<Comparison, 'one' | 'pgring' | 'differences'> {
  const differences: Difference[] = [];
  for (const test of new Set([...one.keys(), ...pgring.keys()])) {
    const [expected, given] = [one.get(test), pgring.get(test)];
    if (isPassed(expected) === isPassed(given)) continue;
    const message = messageOf(isPassed(expected) ? given : expected);
    const passes = isPassed(expected) ? 'PostgreSQL' : 'pgring';
    differences.push({ test, passes, message, cause: causeOf(suite, test, message, passes) });
  }
  return { one: count(one), pgring: count(pgring), differences };
}

function isPassed(result: TestResult | undefined): boolean {
  return result?.kind === 'passed';
}

function messageOf(result: TestResult | undefined): string {
  if (result === undefined) return 'The test did not run.';
  return result.kind === 'failed' ? result.message.replaceAll(/\s+/g, ' ') : result.kind;
}

function count(results: TestResults): Counts {
  const of = (kind: TestResult['kind']): number =>
    [...results.values()].filter((result) => result.kind === kind).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}
