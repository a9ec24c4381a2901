/** What the schemas of pgring.yaml are made of. Each error text completes the sentence "expected …". */

import { z } from 'zod';

export const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });

export const integer = (minimum: number, maximum: number, what = 'an integer') => {
  const error = `${what} from ${minimum} to ${maximum}`;
  return z.number({ error }).int({ error }).min(minimum, { error }).max(maximum, { error });
};

export const oneOf = <const Words extends readonly [string, ...string[]]>(...words: Words) =>
  z.enum(words, { error: `one of ${words.join(', ')}` });

/** A mapping without unknown keys. */
export const mapping = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, { error: `a mapping with the keys ${Object.keys(shape).join(', ')}` });
