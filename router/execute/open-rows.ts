/** The rows of a query that runs on one shard, or is gathered, or is combined: as one stream, whatever its plan. */

import { refuse } from '../../base/errors.js';
import type { Plan, ScatterPlan } from '../../planner/plan/plan.js';
import { openCombine } from './combine.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { openScatter, type Gathered } from './gather.js';

const wholeAnswer = { portal: '', batchRows: 0 } as const;

export async function openRows(context: ExecutionContext, statement: BoundStatement, plan: Plan): Promise<Gathered> {
  if (plan.kind === 'combine') return await openCombine(context, statement, plan);
  if (plan.kind === 'scatter' || plan.kind === 'pass') {
    return await openScatter(context, statement, asScatter(plan), wholeAnswer);
  }
  throw refuse('a statement of this kind as the source of rows', 'Use a SELECT.');
}

/** One shard's answer is one that is gathered from one. */
export function asScatter(plan: Extract<Plan, { readonly kind: 'scatter' | 'pass' }>): ScatterPlan {
  if (plan.kind === 'scatter') return plan;
  return {
    kind: 'scatter',
    routing: plan.routing,
    sql: plan.sql,
    computed: plan.computed,
    gather: { kind: 'concatenate' },
    limit: undefined,
    offset: undefined,
    locks: plan.access === 'write',
    lockedInOrder: undefined,
  };
}
