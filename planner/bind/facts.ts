/**
 * What a statement's conditions say about its columns. A term is one column of one occurrence of a relation; a fact
 * holds for every row that can matter where it is used. Facts are lists, so that each place of the statement sees
 * its own (planner/bind/bind.ts builds them, planner/route/pins.ts chooses which hold where).
 */

import type { KeySource, ValueSource } from '../plan/plan.js';

export type Term = number;

/** Where an equality comes from, when it ties a derived table's column to the column inside. */
interface Link {
  readonly derived: object;
  /** A condition on the outer column may be applied to the rows inside. */
  readonly transparent: boolean;
}

export type Fact =
  | { readonly kind: 'equal'; readonly left: Term; readonly right: Term; readonly link?: Link }
  /** The term is one of these values. */
  | { readonly kind: 'one of'; readonly term: Term; readonly sources: readonly KeySource[] }
  /** Both are one row: `a.ctid = b.ctid`. The sides are the columns of two entries, as their qualifiers show them. */
  | { readonly kind: 'same row'; readonly left: object; readonly right: object };

/** Terms that are equal to one another, and the values they are known to take. */
export class Classes {
  readonly #parents = new Map<Term, Term>();
  readonly #facts: readonly Fact[];

  constructor(facts: readonly Fact[]) {
    this.#facts = facts;
    for (const fact of facts) {
      if (fact.kind !== 'equal') continue;
      const left = this.#root(fact.left);
      const right = this.#root(fact.right);
      if (left !== right) this.#parents.set(left, right);
    }
  }

  #root(term: Term): Term {
    let current = term;
    for (;;) {
      const parent = this.#parents.get(current);
      if (parent === undefined) return current;
      current = parent;
    }
  }

  equal(left: Term, right: Term): boolean {
    return left === right || this.#root(left) === this.#root(right);
  }

  /** Every list of values that the term is known to be one of. */
  values(term: Term): (readonly KeySource[])[] {
    const root = this.#root(term);
    const lists: (readonly KeySource[])[] = [];
    for (const fact of this.#facts) {
      if (fact.kind === 'one of' && this.#root(fact.term) === root) lists.push(fact.sources);
    }
    return lists;
  }
}

/** The value of a list that has exactly one. */
export function singleValue(sources: readonly KeySource[]): ValueSource | undefined {
  const only = sources.length === 1 ? sources[0] : undefined;
  return only?.kind === 'tuple' && only.values.length === 1 ? only.values[0] : undefined;
}
