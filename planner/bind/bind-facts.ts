/** Facts from conditions: equalities of columns, and columns that are one of some values. */

import type { A_Expr, Node } from 'libpg-query';

import type { Fact } from './facts.js';
import { keyFamily } from '../postgres/key-family.js';
import type { KeySource } from '../plan/plan.js';
import type { Scope, VisibleColumn } from './query.js';
import { samePlaces } from './row-places.js';
import type { StatementText } from '../tree/text.js';
import { conjuncts, operatorName } from '../tree/tree.js';
import { comparedArray, comparedList, comparedValue } from '../tree/values.js';

function columnOf(node: Node | undefined, scope: Scope): VisibleColumn | undefined {
  return node !== undefined && 'ColumnRef' in node ? scope.resolve(node.ColumnRef) : undefined;
}

/** The equality of two columns, if equal values of their types are found on the same shard. */
export function equalityOf(left: VisibleColumn, right: VisibleColumn): Fact | undefined {
  if (left.type === undefined || right.type === undefined) return undefined;
  const family = keyFamily(left.type.baseTypeOid);
  if (family === undefined || family !== keyFamily(right.type.baseTypeOid)) return undefined;
  return { kind: 'equal', left: left.term, right: right.term };
}

function comparison(left: Node | undefined, right: Node | undefined, scope: Scope, text: StatementText): Fact[] {
  if (left === undefined || right === undefined) return [];
  if ('RowExpr' in left && 'RowExpr' in right) {
    const lefts = left.RowExpr.args ?? [];
    const rights = right.RowExpr.args ?? [];
    return lefts.length === rights.length
      ? lefts.flatMap((node, index) => comparison(node, rights[index], scope, text))
      : [];
  }
  const leftColumn = columnOf(left, scope);
  const rightColumn = columnOf(right, scope);
  if (leftColumn !== undefined && rightColumn !== undefined) {
    const fact = equalityOf(leftColumn, rightColumn);
    return fact === undefined ? [] : [fact];
  }
  if (leftColumn !== undefined) return valueFact(leftColumn, right, text);
  return rightColumn === undefined ? [] : valueFact(rightColumn, left, text);
}

function valueFact(column: VisibleColumn, value: Node, text: StatementText): Fact[] {
  if (column.type === undefined) return [];
  const source = comparedValue(value, column.type, text);
  return source === undefined ? [] : [oneOf(column, [{ kind: 'tuple', values: [source] }])];
}

function oneOf(column: VisibleColumn, sources: readonly KeySource[]): Fact {
  return { kind: 'one of', term: column.term, sources };
}

function operatorFacts(expression: A_Expr, scope: Scope, text: StatementText): Fact[] {
  if (operatorName(expression.name) !== '=') return [];
  const places = samePlaces({ A_Expr: expression });
  if (places !== undefined) {
    const [left, right] = places.map((alias) => scope.outerQualifier(alias, undefined)?.columns);
    return left === undefined || right === undefined ? [] : [{ kind: 'same row', left, right }];
  }
  if (expression.kind === 'AEXPR_OP') return comparison(expression.lexpr, expression.rexpr, scope, text);
  const column = columnOf(expression.lexpr, scope);
  if (column?.type === undefined || expression.rexpr === undefined) return [];
  if (expression.kind === 'AEXPR_IN') {
    const list = comparedList([expression.rexpr], column.type, text);
    return list === undefined
      ? []
      : [
          oneOf(
            column,
            list.values.map((value) => ({ kind: 'tuple', values: [value] })),
          ),
        ];
  }
  if (expression.kind !== 'AEXPR_OP_ANY') return [];
  const array = comparedArray(expression.rexpr, column.type, text);
  if (array === undefined) return [];
  return array.kind === 'array'
    ? [oneOf(column, [{ kind: 'elements', array: array.source }])]
    : [
        oneOf(
          column,
          array.values.map((value) => ({ kind: 'tuple', values: [value] })),
        ),
      ];
}

/** Of `a OR b`: columns that every arm restricts to values may have any of them. */
function alternativesOf(arms: readonly Node[], scope: Scope, text: StatementText): Fact[] {
  const lists = arms.map((arm) => conditionFacts(arm, scope, text));
  const first = lists[0] ?? [];
  const facts: Fact[] = [];
  const done = new Set<number>();
  for (const fact of first) {
    if (fact.kind !== 'one of' || done.has(fact.term)) continue;
    done.add(fact.term);
    const sources: KeySource[] = [];
    const inEvery = lists.every((list) => {
      const found = list.find((other) => other.kind === 'one of' && other.term === fact.term);
      if (found?.kind !== 'one of') return false;
      sources.push(...found.sources);
      return true;
    });
    if (inEvery) facts.push({ kind: 'one of', term: fact.term, sources });
  }
  return facts;
}

/** What holds for each row for which the condition is true. */
export function conditionFacts(condition: Node | undefined, scope: Scope, text: StatementText): Fact[] {
  const facts: Fact[] = [];
  for (const part of conjuncts(condition)) {
    if ('A_Expr' in part) facts.push(...operatorFacts(part.A_Expr, scope, text));
    else if ('BoolExpr' in part && part.BoolExpr.boolop === 'OR_EXPR') {
      facts.push(...alternativesOf(part.BoolExpr.args ?? [], scope, text));
    }
  }
  return facts;
}
