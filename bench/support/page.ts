/** Sections of a page that programs write, between marks; what people wrote around them stays. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../tests/support/repo.js';

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->` in the page. */
export function writeSection(page: string, name: string, text: string): void {
  const path = join(repositoryRoot, page);
  const before = readFileSync(path, 'utf8');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = before.indexOf(open);
  const end = before.indexOf(close);
  if (start < 0 || end < start) throw new Error(`${page} has no section ${name}`);
  writeFileSync(path, `${before.slice(0, start + open.length)}\n\n${text.trim()}\n\n${before.slice(end)}`);
}
