/**
 * Resolves the names of a statement into a tree of queries (planner/bind/query.ts) with the facts that their conditions
 * state. A common table that only reads is bound anew for each reference, so that facts about one of its occurrences
 * do not leak into another.
 */

import type { Node, SelectStmt, WithClause } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { bindFromItem, derivedEntry } from './bind-from.js';
import type { Binding, BoundFrom } from './binding.js';
import { conditionFacts, equalityOf } from './bind-facts.js';
import { bindModify } from './bind-modify.js';
import { linksOf } from './bind-outputs.js';
import type { PlanContext } from '../tree/context.js';
import type { Fact, Term } from './facts.js';
import {
  Scope,
  type CommonTable,
  type CommonTables,
  type Entry,
  type VisibleColumn,
  type FromNode,
  type Query,
  type Subquery,
} from './query.js';
import { undefinedRelation } from '../tree/scope.js';
import { targetsOf } from './shape.js';
import { testsRowPlace } from './row-places.js';
import type { StatementText } from '../tree/text.js';
import { conjuncts, nameParts, selectOf, walkNodes } from '../tree/tree.js';
import { isSameDeclared, typeOf } from './value-types.js';

/** More occurrences of relations than this in one statement are refused (common tables multiply them). */
const MAX_OCCURRENCES = 1000;

export class Binder implements Binding {
  readonly context: PlanContext;
  readonly text: StatementText;
  #terms = 0;
  #occurrences = 0;
  /** Where subqueries of the level that is being bound are collected. */
  #subqueries: Subquery[] = [];

  constructor(context: PlanContext, text: StatementText) {
    this.context = context;
    this.text = text;
  }

  newTerm(): Term {
    this.#terms += 1;
    return this.#terms;
  }

  count(location: number): void {
    this.#occurrences += 1;
    if (this.#occurrences > MAX_OCCURRENCES) {
      throw refuse('a statement with so many subqueries', 'Write WITH queries so that fewer refer to one another.', {
        position: this.text.position(location),
      });
    }
  }

  childScope(scope: Scope, parts: readonly BoundFrom[]): Scope {
    const child = new Scope(scope, scope.outer, scope.commonTables);
    child.qualifiers = parts.flatMap((part) => part.qualifiers);
    child.columns = parts.flatMap((part) => part.columns);
    return child;
  }

  /** A statement or subquery: SELECT, VALUES, a set operation, or one that writes. */
  bindNode(node: Node | undefined, parent: Scope | undefined, common: CommonTables): Query {
    const select = selectOf(node);
    if (select !== undefined) return this.#collecting((subqueries) => this.#select(select, parent, common, subqueries));
    if (node === undefined) throw refuse('this statement', 'Write it as SELECT, INSERT, UPDATE or DELETE.');
    return this.#collecting((subqueries) => bindModify(this, node, parent, common, subqueries));
  }

  #collecting(bind: (subqueries: Subquery[]) => Query): Query {
    const outer = this.#subqueries;
    const own: Subquery[] = [];
    this.#subqueries = own;
    try {
      return bind(own);
    } finally {
      this.#subqueries = outer;
    }
  }

  /** Binds the subqueries of expressions. */
  bindExpressions(nodes: unknown, scope: Scope): void {
    walkNodes(nodes, (node) => {
      if (!('SubLink' in node)) return !('SelectStmt' in node);
      const link = node.SubLink;
      const query = this.bindNode(link.subselect, scope, scope.commonTables);
      this.#subqueries.push({ query, semi: undefined, byPlace: testsRowPlace(node), location: link.location ?? 0 });
      this.bindExpressions(link.testexpr, scope);
      return false;
    });
  }

  /** A condition of WHERE: what it says, with `x IN (SELECT …)` as an equality. */
  bindCondition(condition: Node | undefined, scope: Scope): readonly Fact[] {
    for (const part of conjuncts(condition)) {
      const link = 'SubLink' in part ? part.SubLink : undefined;
      const isEquality =
        link?.subLinkType === 'ANY_SUBLINK' && (link.operName === undefined || nameParts(link.operName)[0] === '=');
      if (link === undefined || !isEquality) {
        this.bindExpressions(part, scope);
        continue;
      }
      const query = this.bindNode(link.subselect, scope, scope.commonTables);
      const tested =
        link.testexpr !== undefined && 'ColumnRef' in link.testexpr
          ? scope.resolve(link.testexpr.ColumnRef)
          : undefined;
      const output = query.outputs.length === 1 ? query.outputs[0] : undefined;
      const semi = tested === undefined || output === undefined ? undefined : equalityOf(tested, output);
      this.#subqueries.push({ query, semi, byPlace: testsRowPlace(part), location: link.location ?? 0 });
      this.bindExpressions(link.testexpr, scope);
    }
    return conditionFacts(condition, scope, this.text);
  }

  /** FROM items as one tree of inner joins. */
  bindFromList(items: readonly Node[] | undefined, scope: Scope, first?: Entry): FromNode | undefined {
    let from: FromNode | undefined = first === undefined ? undefined : { kind: 'entry', entry: first };
    for (const item of items ?? []) {
      const bound = bindFromItem(this, item, scope);
      scope.qualifiers = [...scope.qualifiers, ...bound.qualifiers];
      scope.columns = [...scope.columns, ...bound.columns];
      from =
        from === undefined ? bound.node : { kind: 'join', join: 'inner', left: from, right: bound.node, facts: [] };
    }
    return from;
  }

  #select(select: SelectStmt, parent: Scope | undefined, common: CommonTables, subqueries: Subquery[]): Query {
    const scope = new Scope(parent, parent, common);
    const finish = this.bindWith(select.withClause, scope);
    if (select.op !== undefined && select.op !== 'SETOP_NONE') return this.#setOperation(select, scope, finish);
    const from = this.bindFromList(select.fromClause, scope);
    const where = this.bindCondition(select.whereClause, scope);
    this.bindExpressions(
      [
        select.targetList,
        select.distinctClause,
        select.groupClause,
        select.havingClause,
        select.windowClause,
        select.sortClause,
        select.limitCount,
        select.limitOffset,
        select.valuesLists,
      ],
      scope,
    );
    const outputs = this.#outputs(select, scope);
    const query: Query = {
      kind: 'select',
      select,
      scope,
      from,
      where,
      outputs,
      links: [],
      subqueries,
      arms: [],
      withQueries: finish(),
    };
    return { ...query, links: linksOf(query, this.context) };
  }

  #outputs(select: SelectStmt, scope: Scope): VisibleColumn[] {
    const rows = select.valuesLists?.[0];
    if (rows !== undefined) {
      const count = 'List' in rows ? (rows.List.items?.length ?? 0) : 0;
      return Array.from({ length: count }, (_, index) => ({
        name: `column${index + 1}`,
        term: this.newTerm(),
        type: undefined,
      }));
    }
    return this.outputsOf(select.targetList, scope);
  }

  outputsOf(targets: readonly Node[] | undefined, scope: Scope): VisibleColumn[] {
    return targetsOf(targets, scope).flatMap(({ name, expression, star }) =>
      star === undefined || star === 'unknown'
        ? [{ name, term: this.newTerm(), type: typeOf(expression, scope) }]
        : star.map((column) => ({ ...column, term: this.newTerm() })),
    );
  }

  #setOperation(select: SelectStmt, scope: Scope, finish: () => Query[]): Query {
    const arm = (part: SelectStmt | undefined): Query =>
      this.bindNode(part === undefined ? undefined : { SelectStmt: part }, scope.parent, scope.commonTables);
    const left = arm(select.larg);
    const right = arm(select.rarg);
    const outputs = left.outputs.map((column, index) => {
      const other = right.outputs[index]?.type;
      const type = column.type?.baseTypeOid === other?.baseTypeOid ? column.type : undefined;
      const declared = isSameDeclared(type, other) ? type?.declared : undefined;
      return { name: column.name, term: this.newTerm(), type: type === undefined ? undefined : { ...type, declared } };
    });
    scope.columns = outputs;
    this.bindExpressions([select.sortClause, select.limitCount, select.limitOffset], scope);
    const limited = select.limitCount !== undefined || select.limitOffset !== undefined;
    const linked = (query: Query): { query: Query; links: Fact[] } => ({
      query,
      links: limited ? [] : outputs.flatMap((column, index) => armLink(column, query.outputs[index])),
    });
    return {
      kind: 'set operation',
      select,
      scope,
      from: undefined,
      where: [],
      outputs,
      links: [],
      subqueries: [],
      arms: [linked(left), linked(right)],
      withQueries: finish(),
    };
  }

  /** Makes the common tables visible; what is returned must be called at the end, for those that nothing read. */
  bindWith(clause: WithClause | undefined, scope: Scope): () => Query[] {
    if (clause === undefined) return () => [];
    const isRecursive = clause.recursive === true;
    const queries: Query[] = [];
    const finishing: (() => void)[] = [];
    // With RECURSIVE each query sees all of the clause, in whatever order they stand.
    const all = new Map(scope.commonTables);
    for (const node of clause.ctes ?? []) {
      if (!('CommonTableExpr' in node)) continue;
      const { ctename, ctequery, aliascolnames, search_clause, cycle_clause } = node.CommonTableExpr;
      const name = ctename ?? '';
      const visible = isRecursive ? all : scope.commonTables;
      const parent = scope.parent;
      let table: CommonTable;
      if (selectOf(ctequery) === undefined) {
        let query: Query | undefined;
        let binding = false;
        const bound = (location: number): Query => {
          if (binding) throw undefinedRelation({ schema: undefined, name }, this.text.position(location));
          binding = query === undefined;
          if (query === undefined) queries.push((query = this.bindNode(ctequery, parent, visible)));
          binding = false;
          return query;
        };
        if (!isRecursive) bound(0);
        finishing.push(() => void bound(0));
        table = {
          bind: (alias, location) => opaqueEntry(this, bound(location).outputs, alias, aliascolnames, location),
        };
      } else {
        let read = false;
        let binding = false;
        const extended = search_clause !== undefined || cycle_clause !== undefined;
        table = {
          bind: (alias, location) => {
            // In its own first arm, or by way of another query: PostgreSQL has no meaning for that.
            if (binding) throw undefinedRelation({ schema: undefined, name }, this.text.position(location));
            read = true;
            binding = isRecursive;
            const query = isRecursive
              ? this.#recursive(name, selectOf(ctequery), aliascolnames, parent, visible)
              : this.bindNode(ctequery, parent, visible);
            binding = false;
            return { ...derivedEntry(this, query, alias, aliascolnames, location), open: extended };
          },
        };
        finishing.push(() => {
          if (!read) queries.push(this.bindNode(ctequery, parent, new Map([...visible, [name, selfTable(this)]])));
        });
      }
      all.set(name, table);
      if (!isRecursive) scope.commonTables = new Map([...visible, [name, table]]);
    }
    if (isRecursive) scope.commonTables = all;
    return () => {
      for (const finish of finishing) finish();
      return queries;
    };
  }

  /** A WITH RECURSIVE query: its right arm may read its own result, of which nothing is known. */
  #recursive(
    name: string,
    select: SelectStmt | undefined,
    names: readonly Node[] | undefined,
    parent: Scope | undefined,
    common: CommonTables,
  ): Query {
    const node = select === undefined ? undefined : { SelectStmt: select };
    if (select === undefined || select.op === undefined || select.op === 'SETOP_NONE') {
      return this.bindNode(node, parent, common);
    }
    const scope = new Scope(parent, parent, common);
    const finish = this.bindWith(select.withClause, scope);
    const arm = (part: SelectStmt | undefined, visible: CommonTables): Query =>
      this.bindNode(part === undefined ? undefined : { SelectStmt: part }, parent, visible);
    const left = arm(select.larg, scope.commonTables);
    const self: CommonTable = {
      bind: (alias, location) => opaqueEntry(this, left.outputs, alias, names, location),
    };
    const right = arm(select.rarg, new Map([...scope.commonTables, [name, self]]));
    return {
      kind: 'recursive',
      select,
      scope,
      from: undefined,
      where: [],
      outputs: left.outputs.map((column) => ({ ...column, term: this.newTerm() })),
      links: [],
      subqueries: [],
      arms: [
        { query: left, links: [] },
        { query: right, links: [] },
      ],
      withQueries: finish(),
    };
  }
}

function armLink(column: VisibleColumn, inner: VisibleColumn | undefined): Fact[] {
  const fact = inner === undefined ? undefined : equalityOf(column, inner);
  return fact === undefined ? [] : [fact];
}

/** Rows of which only the columns' names and types are known. */
function opaqueEntry(
  binder: Binder,
  outputs: readonly VisibleColumn[],
  alias: string,
  names: readonly Node[] | undefined,
  location: number,
): Entry {
  const given = nameParts(names);
  const columns = outputs.map((column, index) => ({
    ...column,
    name: given[index] ?? column.name,
    term: binder.newTerm(),
  }));
  return { kind: 'derived', alias, relation: undefined, key: [], columns, open: false, query: undefined, location };
}

/** For binding a recursive query that nothing reads: its reference to itself. */
function selfTable(binder: Binder): CommonTable {
  return { bind: (alias, location) => ({ ...opaqueEntry(binder, [], alias, undefined, location), open: true }) };
}
