/** COPY: rows from the client go to their owners; rows to the client come from all shards. */

import type { CopyStmt, Node } from 'libpg-query';

import { PgError, refuse } from '../../base/errors.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import type { Binder } from '../bind/bind.js';
import { checkImplied } from '../checks/check-implied.js';
import { relationEntry } from '../bind/bind-from.js';
import type { Plan, Routing } from '../plan/plan.js';
import { planCopyQuery, type PlanStretch } from './plan-copy-query.js';
import { resolveRelation, undefinedRelation } from '../tree/scope.js';
import { rangeVarName, stringValue } from '../tree/tree.js';
import { CopyOptions } from './copy-options.js';
import { planCopyIn } from './plan-copy-in.js';

const atHome: Extract<Plan, { readonly kind: 'pass' }> = {
  kind: 'pass',
  routing: { kind: 'home' },
  access: 'write',
  sql: 'client',
  computed: [],
};

/** `planInner` plans a stretch of the statement's text as a statement of its own. */
export function planCopy(copy: CopyStmt, binder: Binder, planInner: PlanStretch): Plan {
  const { text, context } = binder;
  const position = { position: text.position(text.start) };
  if (copy.filename !== undefined || copy.is_program === true) throw serverFile(copy);
  const options = new CopyOptions(copy);
  if (copy.query !== undefined) return planCopyQuery(copy, copy.query, options.format, binder, planInner);
  if (copy.relation === undefined) throw refuse('this COPY', 'Name a table.', position);
  const name = rangeVarName(copy.relation);
  const named = resolveRelation(name, context);
  if (named === undefined) throw undefinedRelation(name);
  // The server says what it has against it.
  if (named !== 'catalog' && named.kind === 'view' && copy.is_from !== true) return atHome;
  const entry = relationEntry(binder, copy.relation, undefined);
  const relation = entry.relation;
  const touched: Node =
    copy.is_from === true
      ? { InsertStmt: { relation: copy.relation, cols: copy.attlist?.map(asTarget) ?? [] } }
      : { RangeVar: copy.relation };
  const isAtHome = entry.kind === 'home' || entry.kind === 'catalog';
  checkImplied([touched, copy.whereClause], isAtHome ? 'home' : 'several shards', context, text);
  if (relation === undefined || isAtHome) return { ...atHome, access: copy.is_from === true ? 'write' : 'read' };
  if (copy.is_from === true) return planCopyIn(copy, entry, relation, options, binder);
  const routing: Routing = entry.kind === 'reference' ? { kind: 'any' } : { kind: 'all' };
  const holdsOids = relation.columns.some((column) => mayHoldOids(column.typeOid));
  return { kind: 'copyTo', sql: 'client', format: options.format, routing, access: 'read', computed: [], holdsOids };
}

/**
 * A client of pgring has no place on any server's disk: it is answered as one that is no superuser (DoCopy(), copy.c).
 */
function serverFile(copy: CopyStmt): PgError {
  const hint = "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.";
  const [what, role] =
    copy.is_program === true
      ? ['COPY to or from an external program', 'pg_execute_server_program']
      : copy.is_from === true
        ? ['COPY from a file', 'pg_read_server_files']
        : ['COPY to a file', 'pg_write_server_files'];
  return new PgError('42501', `permission denied to ${what}`, {
    detail: `Only roles with privileges of the "${role}" role may ${what}.`,
    hint,
  });
}

/** A column's name as INSERT has it. */
function asTarget(node: Node): Node {
  return { ResTarget: { name: stringValue(node) ?? '' } };
}
