/** How a query's outputs depend on its inputs: which conditions on an output may be applied to the rows inside. */

import type { Node } from 'libpg-query';

import type { PlanContext } from '../tree/context.js';
import type { Fact, Term } from './facts.js';
import type { Query, VisibleColumn } from './query.js';
import { groupingExpression, shapeOf, targetsOf, type Target } from './shape.js';
import { keyFamily } from '../postgres/key-family.js';

function termOf(node: Node, query: Query): Term | undefined {
  return 'ColumnRef' in node ? query.scope.resolve(node.ColumnRef)?.term : undefined;
}

/** The terms that every group of rows has one value of; undefined when the query does not group so. */
function partitions(query: Query, context: PlanContext): readonly ReadonlySet<Term>[] | 'opaque' {
  const select = query.select;
  if (select === undefined) return 'opaque';
  const shape = shapeOf(select, context);
  if (shape.limited) return 'opaque';
  const targets = targetsOf(select.targetList, query.scope);
  const sets: ReadonlySet<Term>[] = [];
  const grouping = select.groupClause ?? [];
  if (grouping.length > 0) {
    if (grouping.some((node) => 'GroupingSet' in node)) return 'opaque';
    sets.push(termsOf(grouping, query, targets));
  } else if (shape.aggregates.length > 0 || select.havingClause !== undefined) {
    return 'opaque';
  }
  for (const window of shape.windows) sets.push(termsOf(window.partitionClause ?? [], query, targets));
  const distinct = select.distinctClause ?? [];
  // DISTINCT alone is a list of one empty node: any output may be filtered before it.
  if (distinct.some((node) => Object.keys(node).length > 0)) sets.push(termsOf(distinct, query, targets));
  return sets;
}

/** The plain columns among grouping expressions. */
export function termsOf(nodes: readonly Node[], query: Query, targets: readonly Target[]): Set<Term> {
  const terms = new Set<Term>();
  for (const node of nodes) {
    const term = termOf(groupingExpression(node, targets, query.scope), query);
    if (term !== undefined) terms.add(term);
  }
  return terms;
}

/** The plain column that an output shows. */
interface ColumnLink {
  readonly output: VisibleColumn;
  readonly inner: Term;
  /** A condition on the output may be applied to the rows inside. */
  readonly transparent: boolean;
}

/** For each output of a SELECT that is a plain column: which one. */
export function columnLinks(query: Query, context: PlanContext): readonly ColumnLink[] {
  const select = query.select;
  if (select === undefined || (select.valuesLists?.length ?? 0) > 0) return [];
  const sets = partitions(query, context);
  const inner: (Term | undefined)[] = [];
  for (const { expression, star } of targetsOf(select.targetList, query.scope)) {
    if (star === undefined || star === 'unknown') inner.push(termOf(expression, query));
    else for (const column of star) inner.push(column.term);
  }
  return query.outputs.flatMap((output, index): ColumnLink[] => {
    const term = inner[index];
    if (term === undefined) return [];
    return [{ output, inner: term, transparent: sets !== 'opaque' && sets.every((set) => set.has(term)) }];
  });
}

/** Output = input, for each output that is a plain column of a type that keys have. */
export function linksOf(query: Query, context: PlanContext): Fact[] {
  return columnLinks(query, context).flatMap(({ output, inner, transparent }): Fact[] => {
    if (output.type === undefined || keyFamily(output.type.baseTypeOid) === undefined) return [];
    return [{ kind: 'equal', left: output.term, right: inner, link: { derived: query.outputs, transparent } }];
  });
}
