/** UPDATE and DELETE … WHERE CURRENT OF: they run where the row is that the cursor stands on. */

import type { Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { checkCalls } from '../checks/checks.js';
import type { PlanContext } from '../tree/context.js';
import type { SessionPlan } from '../plan/session-plan.js';
import type { Spread } from '../route/spread.js';
import type { StatementText } from '../tree/text.js';

/** The plan, for a statement with such a condition. What it writes to has been checked. */
export function planCurrentOf(
  node: Node,
  spread: Spread,
  context: PlanContext,
  text: StatementText,
): Extract<SessionPlan, { readonly kind: 'current of' }> | undefined {
  const where =
    'UpdateStmt' in node ? node.UpdateStmt.whereClause : 'DeleteStmt' in node ? node.DeleteStmt.whereClause : undefined;
  if (where === undefined || !('CurrentOfExpr' in where)) return undefined;
  if (spread.all.length > 1) {
    throw refuse('WHERE CURRENT OF in a statement that reads more than its own table', 'Read the values first.');
  }
  if (spread.reference) {
    throw refuse('WHERE CURRENT OF on a reference table', 'Every copy must change: name the row by its primary key.');
  }
  checkCalls([node], spread.sharded.length > 0 ? 'one shard' : 'home', context, text);
  // The text stays as it is but for the cursor's name.
  text.dependsOnLiterals = true;
  const of = text.findTopLevel(0, (word, index) => word === 'current' && text.word(index + 1) === 'of') + 2;
  return {
    kind: 'current of',
    name: where.CurrentOfExpr.cursor_name ?? '',
    start: text.startOf(of),
    end: text.endOf(of),
  };
}
