/** INSERT … SELECT whose rows come from several shards, or go to several: it runs combined, and its rows are split. */

import type { InsertStmt, Node } from 'libpg-query';

import { refuse } from '../base/errors.js';
import { qualifiedName, quoteIdentifier, type Column, type Relation } from '../catalog/schema.js';
import type { Binder } from './bind.js';
import { defaultSql } from './insert-defaults.js';
import { storedModifier } from './key-family.js';
import { columnDefinition, combineParts } from './plan-combine.js';
import type { Plan } from './plan.js';
import type { Entry, Query } from './query.js';
import { keyColumns } from './routing.js';
import { occurrencesOf } from './pins.js';
import { spreadOfOccurrences } from './spread.js';
import { selectOf } from './tree.js';

export function planInsertSelect(
  insert: InsertStmt,
  query: Query,
  target: Entry,
  relation: Relation,
  binder: Binder,
): Plan {
  const { text } = binder;
  const select = selectOf(insert.selectStmt);
  const refused =
    insert.onConflictClause !== undefined
      ? 'ON CONFLICT in an INSERT … SELECT over several shards'
      : insert.returningClause !== undefined
        ? 'RETURNING of an INSERT … SELECT over several shards'
        : (insert.override ?? 'OVERRIDING_NOT_SET') !== 'OVERRIDING_NOT_SET'
          ? 'OVERRIDING in an INSERT … SELECT over several shards'
          : undefined;
  if (refused !== undefined || select === undefined) {
    throw refuse(refused ?? 'this INSERT over several shards', 'Read the rows first and send them as VALUES.');
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
  const stored = relation.columns.filter((column) => column.generated === 'no');
  return {
    kind: 'insert select',
    shipments,
    sql: text.pieces(text.start, text.end, [...edits, place]),
    computed,
    definition: relation.columns.map(withDefault).join(', '),
    relation: qualifiedName(relation),
    columns: stored.map(({ name }) => quoteIdentifier(name)),
    key: keyColumns(relation).map((column) => ({
      index: stored.indexOf(column),
      typeOid: column.baseTypeOid,
      typeModifier: storedModifier(column),
    })),
    target: relation.placement.kind,
  };
}

function withDefault(column: Column): string {
  const sql = defaultSql(column);
  return sql === undefined ? columnDefinition(column) : `${columnDefinition(column)} DEFAULT ${sql}`;
}
