/** COPY: rows from the client go to their owners; rows to the client come from all shards. */

import type { CopyStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import type { Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { checkImplied } from '../checks/check-implied.js';
import { checkWritable } from '../checks/checks.js';
import { relationEntry } from '../bind/bind-from.js';
import { storedModifier } from '../postgres/key-family.js';
import { usesSequence } from '../code/column-defaults.js';
import type { CopyFormat, Plan, Routing } from '../plan/plan.js';
import { keyColumns } from '../route/routing.js';
import { planCopyQuery, type PlanStretch } from './plan-copy-query.js';
import { resolveRelation, undefinedRelation } from '../tree/scope.js';
import { nameParts, rangeVarName, stringValue } from '../tree/tree.js';

function optionText(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if ('Boolean' in node) return String(node.Boolean.boolval ?? false);
  if ('Integer' in node) return String(node.Integer.ival ?? 0);
  return stringValue(node);
}

const onValues: ReadonlySet<string> = new Set(['true', 'on', '1']);

function formatOf(copy: CopyStmt): CopyFormat {
  const options = new Map<string, string | undefined>();
  for (const node of copy.options ?? []) {
    if ('DefElem' in node) options.set(node.DefElem.defname ?? '', optionText(node.DefElem.arg));
  }
  const name = options.get('format')?.toLowerCase() ?? 'text';
  const kind = name === 'csv' || name === 'binary' ? name : 'text';
  if (kind !== name && name !== 'text') throw refuse(`the COPY format "${name}"`, 'Use text, csv or binary.');
  const isCsv = kind === 'csv';
  const quote = options.get('quote') ?? '"';
  const header = options.has('header') ? (options.get('header') ?? 'true').toLowerCase() : 'false';
  return {
    kind,
    delimiter: options.get('delimiter') ?? (isCsv ? ',' : '\t'),
    nullText: options.get('null') ?? (isCsv ? '' : '\\N'),
    header: header === 'match' ? 'match' : onValues.has(header) ? 'yes' : 'no',
    quote,
    escape: options.get('escape') ?? quote,
  };
}

const unsupportedIn: ReadonlySet<string> = new Set([
  'encoding',
  'default',
  'force_null',
  'force_not_null',
  'on_error',
  'reject_limit',
]);

/** `planInner` plans a stretch of the statement's text as a statement of its own. */
export function planCopy(copy: CopyStmt, binder: Binder, planInner: PlanStretch): Plan {
  const { text, context } = binder;
  const position = { position: text.position(text.start) };
  if (copy.filename !== undefined || copy.is_program === true) {
    throw refuse("COPY with a server's file or program", 'Use STDIN or STDOUT: psql has \\copy.', position);
  }
  const format = formatOf(copy);
  if (copy.query !== undefined) return planCopyQuery(copy, copy.query, format, binder, planInner);
  if (copy.relation === undefined) throw refuse('this COPY', 'Name a table.', position);
  const name = rangeVarName(copy.relation);
  if (resolveRelation(name, context) === undefined) throw undefinedRelation(name);
  const entry = relationEntry(binder, copy.relation, undefined);
  const relation = entry.relation;
  const touched: Node =
    copy.is_from === true
      ? { InsertStmt: { relation: copy.relation, cols: copy.attlist?.map(asTarget) ?? [] } }
      : { RangeVar: copy.relation };
  const isAtHome = entry.kind === 'home' || entry.kind === 'catalog';
  checkImplied([touched, copy.whereClause], isAtHome ? 'home' : 'several shards', context, text);
  if (relation === undefined || entry.kind === 'home' || entry.kind === 'catalog') {
    return {
      kind: 'pass',
      routing: { kind: 'home' },
      access: copy.is_from === true ? 'write' : 'read',
      sql: 'client',
      computed: [],
    };
  }
  const isReference = entry.kind === 'reference';
  if (copy.is_from !== true) {
    const routing: Routing = isReference ? { kind: 'any' } : { kind: 'all' };
    const holdsOids = relation.columns.some((column) => mayHoldOids(column.typeOid));
    return { kind: 'copyTo', sql: 'client', format, routing, access: 'read', computed: [], holdsOids };
  }
  checkWritable(entry, text);
  if (copy.whereClause !== undefined && isReference) {
    throw refuse('COPY FROM … WHERE into a reference table', 'Filter the rows before sending them.', position);
  }
  for (const node of copy.options ?? []) {
    const name = 'DefElem' in node ? (node.DefElem.defname ?? '') : '';
    if (unsupportedIn.has(name)) {
      throw refuse(
        `the option ${name.toUpperCase()} of COPY FROM into this table`,
        'Leave it out, and send the rows as they are to be stored.',
        position,
      );
    }
  }
  return copyIn(copy, relation, format, isReference, position);
}

function copyIn(
  copy: CopyStmt,
  relation: Relation,
  format: CopyFormat,
  isReference: boolean,
  position: { position: number },
): Plan {
  const named = nameParts(copy.attlist);
  const columns =
    named.length > 0
      ? named
      : relation.columns.filter((column) => column.generated === 'no').map((column) => column.name);
  const missing = relation.columns.find(
    (column) =>
      !columns.includes(column.name) &&
      (usesSequence(column) || (isReference && column.defaultExpression?.includes('(') === true)),
  );
  if (missing !== undefined) {
    throw refuse(
      `COPY FROM that leaves the column "${missing.name}" to its default`,
      'Give it a value in the data, or use INSERT.',
      position,
    );
  }
  const keys = keyColumns(relation);
  const key = keys.map((column) => {
    const index = columns.indexOf(column.name);
    if (index < 0)
      throw refuse(
        `COPY FROM without the shard key column "${column.name}"`,
        'Give it in the data and the column list.',
        position,
      );
    return { index, typeOid: column.baseTypeOid, typeModifier: storedModifier(column) };
  });
  return {
    kind: 'copyFrom',
    sql: 'client',
    format,
    key: isReference ? [] : key,
    relation: relation.name,
    columns,
    target: isReference ? 'reference' : 'sharded',
  };
}

/** A column's name as INSERT has it. */
function asTarget(node: Node): Node {
  return { ResTarget: { name: stringValue(node) ?? '' } };
}
