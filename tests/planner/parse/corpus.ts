/** The corpus of real statements (tests/corpus). Tests run from dist/, so it is found from the working directory. */

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

interface CorpusStatement {
  readonly source: string;
  readonly sql: string;
}

const folder = path.resolve('tests/corpus');

/** All statements, in the order of the files' names. */
export function readCorpus(): CorpusStatement[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  return files.sort().flatMap((name) =>
    readFileSync(path.join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as CorpusStatement),
  );
}
