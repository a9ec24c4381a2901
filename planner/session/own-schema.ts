/**
 * pgring's own schema is no part of a dump: restored into pgring it would be in the way, and elsewhere it means nothing.
 * pg_dump leaves out what lies in schemas whose names begin with pg_ (selectDumpableNamespace() in
 * src/bin/pg_dump/pg_dump.c), so to a client that says it is pg_dump, the schema is shown under such a name.
 */

import type { PlanContext } from '../tree/context.js';
import type { Edit } from '../parse/splice.js';
import { resolveRelation } from '../tree/scope.js';
import type { StatementText } from '../tree/text.js';
import { rangeVarName, walkNodes } from '../tree/tree.js';

const shown = `(SELECT tableoid, oid, CASE nspname WHEN 'pgring' THEN 'pg_pgring' ELSE nspname END AS nspname, nspowner, nspacl
  FROM pg_catalog.pg_namespace)`;

export function ownSchemaEdits(root: unknown, context: PlanContext, text: StatementText): Edit[] {
  if (context.isDump !== true) return [];
  const edits: Edit[] = [];
  walkNodes(root, (node) => {
    if (!('RangeVar' in node)) return true;
    const name = rangeVarName(node.RangeVar);
    if (name.name !== 'pg_namespace' || resolveRelation(name, context) !== 'catalog') return true;
    const first = text.tokenIndexAt(node.RangeVar.location ?? 0);
    let last = first;
    while (text.word(last + 1) === '.') last += 2;
    const alias = node.RangeVar.alias === undefined ? ' AS pg_namespace' : '';
    edits.push({ start: text.startOf(first), end: text.endOf(last), pieces: [shown + alias] });
    return true;
  });
  return edits;
}
