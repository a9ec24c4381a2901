/** A view that is no part of the statement's text, bound by itself: what stands behind its rows. */

import type { Node } from 'libpg-query';

import type { Relation } from '../../catalog/schema.js';
import { Binder } from './bind.js';
import type { PlanContext } from '../tree/context.js';
import { parseStatements } from '../parse/parser.js';
import { normalize } from '../parse/tokenizer.js';
import type { Query } from './query.js';
import { StatementText } from '../tree/text.js';

interface BoundView {
  readonly root: Node;
  readonly query: Query;
  readonly binder: Binder;
}

/** Undefined where the definition is not known. Its names are all qualified, so the search path does not matter. */
export function bindView({ definition }: Relation, context: PlanContext): BoundView | undefined {
  if (definition === undefined) return undefined;
  const [statement] = parseStatements(definition);
  if (statement === undefined) return undefined;
  const sql = Buffer.from(definition);
  const text = new StatementText({ statement, sql, slots: normalize(sql)?.slots, context });
  const binder = new Binder(context, text);
  const root = statement.node;
  return { root, query: binder.bindNode(root, undefined, new Map()), binder };
}
