/**
 * DDL on temporary relations: they live on the session's connection to the home shard, and nowhere else, so that shard
 * alone runs it.
 */

import type { Node, RangeVar, RuleStmt } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { temporarySchema } from '../../catalog/temporary.js';
import type { PlanContext } from '../tree/context.js';
import { callsOf, type FunctionEffect } from '../code/functions.js';
import type { Plan } from '../plan/plan.js';
import { isTemporaryTarget, resolveRelation } from '../tree/scope.js';
import type { StatementText } from '../tree/text.js';
import { nameParts, splitName, walkNodes, type QualifiedName } from '../tree/tree.js';

/** The plan of a statement on temporary objects; undefined for one on others. */
export function planTemporary(node: Node, context: PlanContext, text: StatementText): Plan | undefined {
  const statement = Object.values(node)[0] as unknown;
  const subject = subjectOf(node, context, statement);
  if (subject === 'permanent') return undefined;
  if (subject === 'mixed') {
    throw refuse('one statement on temporary and permanent objects', 'Use one statement for each kind.', {
      position: text.position(text.start),
    });
  }
  return temporaryDdl(isTransactional(node));
}

export function temporaryDdl(transactional = true): Extract<Plan, { readonly kind: 'ddl' }> {
  return { kind: 'ddl', sql: 'client', where: 'home', transactional, changes: [], notices: [], changesCatalog: true };
}

/** A rule on a temporary table whose actions know only such tables, and no function that knows others: it runs where they are. */
export function isTemporaryRule(rule: RuleStmt, context: PlanContext): boolean {
  const names = relationNames([rule.relation, rule.whereClause, rule.actions]);
  const touches: readonly FunctionEffect[] = ['nowhere', 'at home', 'with copies', 'unknown', 'query'];
  const isOwn = callsOf([rule.whereClause, rule.actions], context).every(({ effect }) => !touches.includes(effect));
  return isOwn && namedSubject(names, context) === 'temporary';
}

type Subject = 'temporary' | 'permanent' | 'mixed';

function subjectOf(node: Node, context: PlanContext, statement: unknown): Subject {
  if ('CreateStmt' in node) return created(node.CreateStmt.relation, context);
  if ('CreateSeqStmt' in node) return created(node.CreateSeqStmt.sequence, context);
  if ('ViewStmt' in node) {
    if (created(node.ViewStmt.view, context) === 'temporary') return 'temporary';
    return readsTemporary(node.ViewStmt.query, context);
  }
  if ('DropStmt' in node || 'CommentStmt' in node) return namedSubject(objectNames(node), context);
  const own = ownRelation(statement);
  if (own !== undefined) return namedSubject([own], context);
  return namedSubject([...relationNames(statement), ...temporaryNames(statement)], context);
}

function created(range: RangeVar | undefined, context: PlanContext): Subject {
  return range !== undefined && isTemporaryTarget(range, context) ? 'temporary' : 'permanent';
}

export function isTemporary(name: QualifiedName, context: PlanContext): boolean {
  if (name.schema === temporarySchema) return true;
  const found = resolveRelation(name, context);
  return found !== undefined && found !== 'catalog' && found.isTemporary;
}

function namedSubject(names: readonly QualifiedName[], context: PlanContext): Subject {
  const temporary = names.filter((name) => isTemporary(name, context)).length;
  if (temporary === 0) return 'permanent';
  return temporary === names.length ? 'temporary' : 'mixed';
}

/** A view that reads a temporary relation is itself temporary (view.c, DefineView). */
function readsTemporary(query: Node | undefined, context: PlanContext): Subject {
  const common = new Set<string>();
  walkNodes([query], (node) => {
    if ('CommonTableExpr' in node) common.add(node.CommonTableExpr.ctename ?? '');
    return true;
  });
  const found = relationNames(query).filter((name) => isTemporary(name, context));
  if (found.length === 0) return 'permanent';
  // The name may mean the WITH query where it stands, or the table.
  return found.every(({ schema, name }) => schema === undefined && common.has(name)) ? 'mixed' : 'temporary';
}

/** The relation of ALTER, RENAME, CREATE INDEX and the like: what else they name does not decide. */
function ownRelation(statement: unknown): QualifiedName | undefined {
  if (typeof statement !== 'object' || statement === null) return undefined;
  for (const [field, value] of Object.entries(statement)) {
    if (field === 'relation' || field === 'sequence' || field === 'typevar') return rangeName(value);
  }
  return undefined;
}

function rangeName(value: unknown): QualifiedName | undefined {
  if (typeof value !== 'object' || value === null || !('relname' in value)) return undefined;
  const schema = 'schemaname' in value && typeof value.schemaname === 'string' ? value.schemaname : undefined;
  return { schema, name: String(value.relname) };
}

/** Every RangeVar below a value, tagged or not. */
export function relationNames(value: unknown): readonly QualifiedName[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(relationNames);
  const own = rangeName(value);
  return own === undefined ? Object.values(value).flatMap(relationNames) : [own];
}

/** Qualified names in the temporary schema, of types and functions. */
function temporaryNames(statement: unknown): readonly QualifiedName[] {
  if (typeof statement !== 'object' || statement === null) return [];
  return Object.values(statement).flatMap((value: unknown) => {
    if (!Array.isArray(value)) return [];
    const parts = nameParts(value as readonly Node[]);
    return parts.length === 2 && parts[0] === temporarySchema ? [splitName(parts)] : [];
  });
}

/** What DROP and COMMENT ON name, where that is a relation or a part of one, or a type in the temporary schema. */
function objectNames(node: Extract<Node, { DropStmt: unknown } | { CommentStmt: unknown }>): readonly QualifiedName[] {
  const kind: string = ('DropStmt' in node ? node.DropStmt.removeType : node.CommentStmt.objtype) ?? '';
  const objects = 'DropStmt' in node ? (node.DropStmt.objects ?? []) : [node.CommentStmt.object];
  const names = objects.map((object) => partsOf(object));
  if (relationKinds.has(kind)) return names.map(splitName);
  if (partKinds.has(kind)) return names.map((parts) => splitName(parts.slice(0, -1)));
  return names.filter((parts) => parts[0] === temporarySchema).map(splitName);
}

function partsOf(object: Node | undefined): string[] {
  if (object === undefined) return [];
  if ('List' in object) return nameParts(object.List.items);
  if ('TypeName' in object) return nameParts(object.TypeName.names);
  return 'ObjectWithArgs' in object ? nameParts(object.ObjectWithArgs.objname) : [];
}

const relationKinds: ReadonlySet<string> = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
]);

const partKinds: ReadonlySet<string> = new Set([
  'OBJECT_COLUMN',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_POLICY',
]);

/** False for what cannot run inside a transaction block. */
function isTransactional(node: Node): boolean {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent !== true;
  if ('DropStmt' in node) return node.DropStmt.concurrent !== true;
  return !('VacuumStmt' in node && node.VacuumStmt.is_vacuumcmd === true);
}
