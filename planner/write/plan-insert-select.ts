/** INSERT … SELECT whose rows come from several shards, or go to several: it runs combined, and its rows are split. */

import type { InsertStmt, Node } from 'libpg-query';

import { PgError, refuse } from '../../base/errors.js';
import { qualifiedName, quoteIdentifier, type Column, type Relation } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { isView } from '../bind/writable-view.js';
import { insertedColumns } from '../bind/bind-modify.js';
import { ComputedList, computeOnce } from '../checks/computed.js';
import { copyDefault, defaultSql, needsHome } from '../code/column-defaults.js';
import { storedModifier } from '../postgres/key-family.js';
import { columnDefinition, combineParts } from '../combine/plan-combine.js';
import type { Insertion, Plan } from '../plan/plan.js';
import type { Entry, Query } from '../bind/query.js';
import { keyColumns } from '../route/routing.js';
import { occurrencesOf } from '../route/pins.js';
import { spreadOfOccurrences } from '../route/spread.js';
import type { StatementText } from '../tree/text.js';
import { selectOf, someNode } from '../tree/tree.js';
import { defaultEdits } from './assigned-defaults.js';
import { checkTail } from './insert-tail.js';

export function planInsertSelect(
  insert: InsertStmt,
  query: Query,
  target: Entry,
  relation: Relation,
  binder: Binder,
): Plan {
  const { text } = binder;
  const select = selectOf(insert.selectStmt);
  if (insert.override === 'OVERRIDING_USER_VALUE') {
    throw refuse('OVERRIDING USER VALUE', 'Leave the identity column out of the list.');
  }
  if (select === undefined) {
    throw refuse('this INSERT over several shards', 'Read the rows first and send them as VALUES.');
  }
  const roots: Node[] = [{ SelectStmt: select }];
  if (insert.withClause !== undefined) roots.push({ WithClause: insert.withClause });
  const read = spreadOfOccurrences(occurrencesOf(query).filter(({ entry }) => entry !== target));
  const { shipments, edits, computed } = combineParts(roots, query, read, binder);
  const first = text.tokenIndexAt(target.location);
  let last = first;
  while (text.word(last + 1) === '.') last += 2;
  const place = {
    start: target.location,
    end: text.endOf(last),
    pieces: [{ kind: 'relation', shipment: shipments.length } as const],
  };
  const all = relation.columns.filter((column) => column.generated === 'no');
  const isHome = relation.placement.kind === 'home';
  const given = givenColumns(insert, query, relation);
  if (given !== undefined && insert.override === undefined) checkIdentities(given);
  const numbered = all.filter((column) => needsHome(column) && given?.includes(column) !== true);
  if (given === undefined && numbered.length > 0) {
    throw refuse('INSERT … SELECT of * into a table with a sequence', 'Name the columns: INSERT INTO t (…) SELECT ….');
  }
  // The home shard gives its own rows their defaults; in other tables what it must give comes with their rows.
  const stored = isHome ? (given ?? all) : all.filter((column) => !numbered.includes(column));
  const defaults = isHome ? [] : numbered.map(copyDefault);
  const names = [...stored, ...numbered].map(({ name }) => name);
  const insertion = insertionOf(insert, relation, [...stored, ...(isHome ? [] : numbered)], binder);
  return {
    kind: 'insert select',
    shipments,
    sql: text.pieces(text.start, insertion?.tailStart ?? text.end, [...edits, place]),
    computed,
    definition:
      isHome && given !== undefined
        ? given.map(columnDefinition).join(', ')
        : relation.columns
            .filter((column) => isHome || !numbered.includes(column))
            .map(withDefault)
            .join(', '),
    relation: qualifiedName(relation),
    columns: stored.map(({ name }) => quoteIdentifier(name)),
    key: keyColumns(relation).map((column) => ({
      index: names.indexOf(column.name),
      typeOid: column.baseTypeOid,
      typeModifier: storedModifier(column),
    })),
    defaults,
    target: relation.placement.kind,
    insertion: insertion?.plan,
  };
}

/** What is given for a column GENERATED ALWAYS (rewriteTargetListIU(), rewriteHandler.c). */
function checkIdentities(given: readonly Column[]): void {
  const column = given.find(({ identity }) => identity === 'always');
  if (column === undefined) return;
  throw new PgError('428C9', `cannot insert a non-DEFAULT value into column "${column.name}"`, {
    detail: `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`,
    hint: 'Use OVERRIDING SYSTEM VALUE to override.',
  });
}

/** What COPY cannot do: ON CONFLICT and RETURNING are for an INSERT on the shards. */
function insertionOf(
  insert: InsertStmt,
  relation: Relation,
  stored: readonly Column[],
  binder: Binder,
): { readonly plan: Insertion; readonly tailStart: number } | undefined {
  const { context, text } = binder;
  const nodes = [insert.onConflictClause, insert.returningClause];
  // COPY cannot store into a view.
  if (nodes.every((node) => node === undefined) && !isView(relation, context)) return undefined;
  checkTail(insert, relation, 'many rows', binder);
  const computed = new ComputedList();
  const edits = [
    ...computeOnce(nodes, context, text, computed),
    ...defaultEdits(insert.onConflictClause?.targetList, relation, text, computed),
  ];
  const tailStart = insert.onConflictClause?.location ?? returningStart(insert, text);
  const alias = insert.relation?.alias?.aliasname;
  return {
    tailStart,
    plan: {
      alias: alias === undefined ? '' : ` AS ${quoteIdentifier(alias)}`,
      types: stored.map(({ typeOid, baseTypeOid, typeName, collation }) => ({
        typeOid,
        baseTypeOid,
        typeName,
        collation,
      })),
      tail: text.pieces(tailStart, text.end, edits),
      computed: computed.expressions,
      returning: insert.returningClause !== undefined,
    },
  };
}

function returningStart(insert: InsertStmt, text: StatementText): number {
  if (insert.returningClause === undefined) return text.end;
  const first = text.tokenIndexAt(insert.relation?.location ?? text.start);
  return text.startOf(text.findTopLevel(first, (word, index) => word === 'returning' && text.word(index - 1) !== '.'));
}

/** The columns that the query gives values for; undefined where that cannot be told. */
function givenColumns(insert: InsertStmt, query: Query, relation: Relation): readonly Column[] | undefined {
  const { from } = query;
  const target = from?.kind === 'join' && from.left.kind === 'entry' ? from.left.entry : undefined;
  const source = from?.kind === 'join' && from.right.kind === 'entry' ? from.right.entry : undefined;
  if (target === undefined || source === undefined || source.open) return undefined;
  const names = insertedColumns(insert, target).map(({ name }) => name);
  const isListed = (insert.cols ?? []).length > 0;
  // How many columns a star stands for is not always known.
  if (!isListed && someNode(insert.selectStmt, (node) => 'A_Star' in node)) return undefined;
  const count = isListed ? names.length : source.columns.length;
  const given = relation.columns.filter(({ name }) => names.slice(0, count).includes(name));
  return given.some((column) => column.generated !== 'no') ? undefined : given;
}

function withDefault(column: Column): string {
  const sql = defaultSql(column);
  return sql === undefined ? columnDefinition(column) : `${columnDefinition(column)} DEFAULT ${sql}`;
}
