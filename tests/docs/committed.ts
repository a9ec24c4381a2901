/** Generated documents: what a test would write, against what is committed. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repo.js';

/** How a person brings generated documents up to date. */
export const updateCommand = 'UPDATE_DOCS=1 npm test -- tests/docs';

export function readDocument(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8');
}

/** Expects the committed text to be the generated one; UPDATE_DOCS=1 writes it instead. */
export function expectCommitted(path: string, generated: string): void {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(join(repositoryRoot, path), generated);
  expect(readDocument(path)).toBe(generated);
}

/** The document with the part between `<!-- name -->` and `<!-- /name -->` replaced. */
export function replacePart(document: string, name: string, part: string): string {
  const begin = `<!-- ${name} -->`;
  const end = `<!-- /${name} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document has no part between ${begin} and ${end}`);
  return `${document.slice(0, from + begin.length)}\n\n${part.trim()}\n\n${document.slice(to)}`;
}
