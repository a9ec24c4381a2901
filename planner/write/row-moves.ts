/** UPDATE of a shard key: which tables allow that their rows are moved to other shards. */

import type { Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { qualifiedName, quoteIdentifier } from '../../catalog/schema.js';
import type { Binder } from '../bind/bind.js';
import { isView } from '../bind/writable-view.js';
import { asFinal } from './final-refusals.js';
import { assignedColumns } from '../bind/bind-modify.js';
import { storedModifier } from '../postgres/key-family.js';
import type { RowMoves } from '../plan/moved-rows.js';
import type { Entry } from '../bind/query.js';
import { keyColumns } from '../route/routing.js';

/** Undefined when the statement leaves the key alone, or is no UPDATE of a sharded table. */
export function movesOf(node: Node, target: Entry | undefined, binder: Binder): RowMoves | undefined {
  const relation = target?.relation;
  if (!('UpdateStmt' in node) || target === undefined || relation?.placement.kind !== 'sharded') return undefined;
  const { key } = relation.placement;
  if (!assignedColumns(node.UpdateStmt.targetList).some((column) => key.includes(column))) return undefined;
  const references = relation.references.map((oid) => binder.context.catalog.relationByOid(oid));
  const reason = isView(relation, binder.context)
    ? 'which is a view'
    : relation.isInherited
      ? 'which is in a tree of inheritance'
      : binder.context.catalog.code.ofRelation(relation.oid).triggers.length > 0 || relation.hasRowSecurity
        ? 'which has triggers or row security, that would see a DELETE and an INSERT'
        : relation.isFollowed
          ? 'which a foreign key ON UPDATE CASCADE, SET NULL or SET DEFAULT points at'
          : references.some((referenced) => referenced?.placement.kind === 'sharded')
            ? 'which has a foreign key to a sharded table'
            : undefined;
  if (reason !== undefined) {
    const refusal = refuse(
      `an update of the shard key of "${relation.name}", ${reason},`,
      'Delete the row and insert it with its new key, in one transaction.',
      { position: binder.text.position(target.location) },
    );
    throw asFinal(refusal);
  }
  const stored = relation.columns.filter((column) => column.generated === 'no');
  return {
    relation: qualifiedName(relation),
    alias: quoteIdentifier(target.alias ?? relation.name),
    columns: stored.map(({ name }) => quoteIdentifier(name)),
    key: keyColumns(relation).map((column) => ({
      index: stored.indexOf(column),
      typeOid: column.baseTypeOid,
      typeModifier: storedModifier(column),
    })),
  };
}
