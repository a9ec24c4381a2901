/** Settings with a prefix (`app.tenant`) that functions set: no view of PostgreSQL lists them. */

import type { CatalogSnapshot } from '../../catalog/schema.js';

const known = new WeakMap<CatalogSnapshot, ReadonlySet<string>>();

const inCall = /set_config\s*\(\s*'(\w+(?:\.\w+)+)'/gi;
const inStatement = /\bset\s+(?:local\s+|session\s+)?(\w+(?:\.\w+)+)\s*(?:=|to\b)/gi;

/** Those whose names stand in the code of the database, in lower case. */
export function namedSettings(catalog: CatalogSnapshot): ReadonlySet<string> {
  let names = known.get(catalog);
  if (names === undefined) {
    const found = new Set<string>();
    for (const { source } of catalog.code.everyRoutine()) {
      for (const pattern of [inCall, inStatement]) {
        for (const match of (source ?? '').matchAll(pattern))
          if (match[1] !== undefined) found.add(match[1].toLowerCase());
      }
    }
    known.set(catalog, (names = found));
  }
  return names;
}
