/** Loaded before postgres.js's tests: puts our harness in the place of theirs. */

import { register, type ResolveHook } from 'node:module';
import { isMainThread } from 'node:worker_threads';

/** The harness and the preparations of the tests, by their names there. */
const replaced: Readonly<Record<string, string>> = {
  './test.js': './postgres-js-harness.js',
  './bootstrap.js': './postgres-js-harness.js',
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const ours = replaced[specifier];
  if (ours === undefined || context.parentURL?.endsWith('/tests/index.js') !== true)
    return await next(specifier, context);
  return { url: new URL(ours, import.meta.url).href, shortCircuit: true };
};

if (isMainThread) register(import.meta.url);
