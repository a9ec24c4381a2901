/** Numbers on the command lines of programs. */

import { InvalidArgumentError } from 'commander';

/** For an option that is a number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('Give a number above 0.');
}

/** For an option that is a whole number, not below the least. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Give a number, ${least} or more.`);
  };
}
