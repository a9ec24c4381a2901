/**
 * Which rows of a relation cannot matter to a statement, whatever is in the other relations: those that fail a
 * condition on its own columns, where filtering them before is the same as filtering after. That holds for WHERE and
 * the ON of inner joins, unless an outer join stands between that may put NULLs in the place of the row; and for the
 * ON of an outer join on its nullable side.
 */

import type { ColumnRef, Node } from 'libpg-query';

import type { Binder } from '../bind/bind.js';
import { columnLinks } from '../bind/bind-outputs.js';
import type { PlanContext } from '../tree/context.js';
import type { Term } from '../bind/facts.js';
import type { SqlPiece } from '../plan/plan.js';
import { printCondition } from './print-condition.js';
import type { Entry, FromNode, Query, Scope } from '../bind/query.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import { conjuncts, someNode } from '../tree/tree.js';
import { isSameDeclared } from '../bind/value-types.js';

/** A condition, and what its names mean to the rows that it is applied to: those where it stands, or further inside. */
export interface PlacedCondition {
  readonly node: Node;
  readonly resolve: (reference: ColumnRef) => Term | undefined;
}

export type EntryConditions = ReadonlyMap<Entry, readonly PlacedCondition[]>;

/**
 * For each occurrence of a relation or subquery, the conditions that its rows must meet to matter, those on other columns
 * too. `where`: the condition of a statement that writes.
 */
export function conditionsByEntry(query: Query, context: PlanContext, where?: Node): EntryConditions {
  const visitor = new ConditionVisitor(context, where);
  visitor.visitQuery(query, []);
  return visitor.found;
}

class ConditionVisitor {
  readonly found = new Map<Entry, readonly PlacedCondition[]>();
  readonly #context: PlanContext;
  readonly #written: Node | undefined;

  constructor(context: PlanContext, written: Node | undefined) {
    this.#context = context;
    this.#written = written;
  }

  /** `outside`: conditions on the query's outputs. */
  visitQuery(query: Query, outside: readonly PlacedCondition[]): void {
    const { select, scope } = query;
    if (query.from !== undefined) {
      const where = placed(query.kind === 'modify' ? this.#written : select?.whereClause, scope);
      const links = columnLinks(query, this.#context).filter((link) => link.transparent);
      const inside = outside.map((condition) =>
        translated(condition, (term) => links.find(({ output }) => output.term === term)?.inner),
      );
      this.#visitFrom(query.from, [...where, ...inside]);
    }
    for (const { query: inner } of query.subqueries) this.visitQuery(inner, []);
    const isLimited = select?.limitCount !== undefined || select?.limitOffset !== undefined;
    const passes = query.kind === 'set operation' && !isLimited;
    for (const { query: arm } of query.arms) this.visitQuery(arm, passes ? throughArm(outside, query, arm) : []);
    for (const inner of query.withQueries) this.visitQuery(inner, []);
  }

  #visitFrom(node: FromNode, conditions: readonly PlacedCondition[]): void {
    if (node.kind === 'entry') {
      this.found.set(node.entry, conditions);
      if (node.entry.query !== undefined) this.visitQuery(node.entry.query, conditions);
      return;
    }
    const { join, left, right, on } = node;
    const own = on === undefined ? [] : placed(on.condition, on.scope);
    const both = [...conditions, ...own];
    this.#visitFrom(left, join === 'inner' ? both : join === 'left' ? conditions : join === 'right' ? own : []);
    this.#visitFrom(right, join === 'inner' ? both : join === 'right' ? conditions : join === 'left' ? own : []);
  }
}

function translated({ node, resolve }: PlacedCondition, inward: (term: Term) => Term | undefined): PlacedCondition {
  return {
    node,
    resolve: (reference) => {
      const term = resolve(reference);
      return term === undefined ? undefined : inward(term);
    },
  };
}

/** Into an arm of a set operation, where a column has the very type that it has outside. */
function throughArm(conditions: readonly PlacedCondition[], query: Query, arm: Query): readonly PlacedCondition[] {
  return conditions.map((condition) =>
    translated(condition, (term) => {
      const index = query.outputs.findIndex((output) => output.term === term);
      const inner = arm.outputs[index];
      return isSameDeclared(query.outputs[index]?.type, inner?.type) ? inner?.term : undefined;
    }),
  );
}

function placed(condition: Node | undefined, scope: Scope): readonly PlacedCondition[] {
  return conjuncts(condition).map((node) => ({ node, resolve: (reference) => scope.resolve(reference)?.term }));
}

/** The conditions that read nothing but the entry's own columns, as SQL over its relation; undefined when there are none. */
export function ownConditions(
  entry: Entry,
  conditions: readonly PlacedCondition[],
  binder: Binder,
): readonly SqlPiece[] | undefined {
  const printed = conditions.flatMap((condition) => {
    const pieces = ownCondition(entry, condition, binder);
    return pieces === undefined ? [] : [pieces];
  });
  if (printed.length === 0) return undefined;
  return separated(printed, ' AND ');
}

/** What a condition says of the entry's columns alone: all of it, or what each arm of an OR says of them. */
function ownCondition(
  entry: Entry,
  { node, resolve }: PlacedCondition,
  binder: Binder,
): readonly SqlPiece[] | undefined {
  if (!readsColumn(node)) return undefined;
  const whole = printCondition(
    node,
    (reference) => {
      const found = resolve(reference);
      const index = found === undefined ? -1 : entry.columns.findIndex(({ term }) => term === found);
      const name = entry.relation?.columns[index]?.name;
      return name === undefined ? undefined : quoteIdentifier(name);
    },
    binder.context,
    binder.text,
  );
  if (whole !== undefined || !('BoolExpr' in node) || node.BoolExpr.boolop !== 'OR_EXPR') return whole;
  const arms: (readonly SqlPiece[])[] = [];
  for (const arm of node.BoolExpr.args ?? []) {
    const pieces = ownConditions(
      entry,
      conjuncts(arm).map((part) => ({ node: part, resolve })),
      binder,
    );
    if (pieces === undefined) return undefined;
    arms.push(pieces);
  }
  return ['(', ...separated(arms, ' OR '), ')'];
}

function separated(parts: readonly (readonly SqlPiece[])[], separator: string): readonly SqlPiece[] {
  return parts.flatMap((pieces, index) => (index === 0 ? pieces : [separator, ...pieces]));
}

function readsColumn(node: Node): boolean {
  return someNode(node, (part) => 'ColumnRef' in part);
}
