/**
 * COPY FROM STDIN into a sharded or reference table: which columns route a row, which of those that it leaves out no
 * shard may fill for itself, and what the shards are told.
 */

import type { CopyStmt, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { quoteIdentifier, type Column, type Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import type { Entry } from '../bind/query.js';
import { checkCalls, checkWritable } from '../checks/checks.js';
import { ComputedList, computeOnce } from '../checks/computed.js';
import { copyDefault, mustComputeDefault } from '../code/column-defaults.js';
import { callsOf } from '../code/functions.js';
import { storedModifier } from '../postgres/key-family.js';
import type { CopyDefault, CopyIntake, Plan, SqlPiece } from '../plan/plan.js';
import { keyColumns } from '../route/routing.js';
import type { Edit } from '../parse/splice.js';
import type { StatementText } from '../tree/text.js';
import { nameParts } from '../tree/tree.js';
import type { CopyOptions } from './copy-options.js';

/** No COPY skips as many rows. */
const NO_LIMIT = '9223372036854775807';

export function planCopyIn(
  copy: CopyStmt,
  entry: Entry,
  relation: Relation,
  options: CopyOptions,
  binder: Binder,
): Plan {
  const { text } = binder;
  checkWritable(entry, text);
  const isReference = entry.kind === 'reference';
  const { format, intake } = options;
  const named = nameParts(copy.attlist);
  const columns =
    named.length > 0
      ? named
      : relation.columns.filter((column) => column.generated === 'no').map((column) => column.name);
  const keys = keyColumns(relation);
  const ownDefault = (column: Column): boolean =>
    mustComputeDefault(column, keys.includes(column), isReference ? 'copied' : 'spread');
  const computedColumns = relation.columns.filter((column) => !columns.includes(column.name) && ownDefault(column));
  const defaults = computedColumns.map(copyDefault);
  checkForced(intake, defaults);
  const all = [...columns, ...defaults.map(({ name }) => name)];
  const computed = new ComputedList();
  const whereEdits = conditionEdits(copy.whereClause, isReference, binder, computed);
  const edits = [
    ...whereEdits,
    ...(defaults.length === 0 ? [] : [columnEdit(copy, all, defaults, text)]),
    ...(intake.skips === undefined ? [] : skipEdits(copy, text)),
  ];
  const ownDefaults = relation.columns
    .filter((column) => columns.includes(column.name) && ownDefault(column))
    .map(({ name }) => columns.indexOf(name));
  return {
    kind: 'copyFrom',
    sql: 'client',
    shardSql: edits.length === 0 ? undefined : text.pieces(text.start, text.end, edits),
    computed: computed.expressions,
    format,
    intake,
    // A key column that is left out and has no default is NULL in every row.
    key: isReference
      ? []
      : keys.map((column) => ({
          index: all.indexOf(column.name),
          typeOid: column.baseTypeOid,
          typeModifier: storedModifier(column),
        })),
    relation: relation.name,
    columns,
    defaults,
    ownDefaults,
    target: isReference ? 'reference' : 'sharded',
  };
}

/** The computed values are written with quotes, which FORCE_NULL would make nothing of. */
function checkForced({ forceNull }: CopyIntake, [first]: readonly CopyDefault[]): void {
  if (forceNull !== 'all' || first === undefined) return;
  throw refuse(
    `FORCE_NULL * of a COPY FROM that leaves the column "${first.name}" to its default`,
    'Name the columns: FORCE_NULL (…).',
  );
}

/** WHERE is evaluated by the shards: each its own rows, or all of them the same ones. */
function conditionEdits(
  where: Node | undefined,
  isReference: boolean,
  { context, text }: Binder,
  computed: ComputedList,
): readonly Edit[] {
  if (where === undefined) return [];
  checkCalls([where], 'several shards', context, text);
  const varying = isReference
    ? callsOf([where], context).find(({ effect }) => effect !== 'plain' && effect !== 'once')
    : undefined;
  if (varying !== undefined) {
    throw refuse(
      'a volatile function in WHERE of COPY FROM into a reference table',
      'Each shard would choose other rows: filter them before sending them.',
      { position: text.position(varying.call.location ?? 0) },
    );
  }
  return computeOnce([where], context, text, computed);
}

/** The columns that are added to each row, behind the client's own. */
function columnEdit(
  copy: CopyStmt,
  all: readonly string[],
  defaults: readonly CopyDefault[],
  text: StatementText,
): Edit {
  let last = text.tokenIndexAt(copy.relation?.location ?? text.start);
  while (text.word(last + 1) === '.') last += 2;
  if (text.word(last + 1) === '(') {
    const close = text.startOf(text.closingIndex(last + 1));
    return { start: close, end: close, pieces: [defaults.map(({ name }) => `, ${quoteIdentifier(name)}`).join('')] };
  }
  const end = text.endOf(last);
  return { start: end, end, pieces: [` (${all.map(quoteIdentifier).join(', ')})`] };
}

/** Each shard tells of every row that it skips, and as many as the client allows are counted here. */
function skipEdits(copy: CopyStmt, text: StatementText): readonly Edit[] {
  const edits: Edit[] = [];
  let tells = false;
  const replace = (name: number, value: SqlPiece): void => {
    edits.push({ start: text.startOf(name + 1), end: text.endOf(name + 1), pieces: [value] });
  };
  let skip: number | undefined;
  for (const node of copy.options ?? []) {
    const option = 'DefElem' in node ? node.DefElem : undefined;
    if (option === undefined) continue;
    const at = text.tokenIndexAt(option.location ?? text.start);
    if (option.defname === 'on_error') skip = at;
    else if (option.defname === 'reject_limit') replace(at, NO_LIMIT);
    else if (option.defname === 'log_verbosity') {
      replace(at, 'verbose');
      tells = true;
    }
  }
  if (skip !== undefined && !tells) {
    const end = text.endOf(skip + 1);
    edits.push({ start: end, end, pieces: [', LOG_VERBOSITY verbose'] });
  }
  return edits;
}
