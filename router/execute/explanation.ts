/** What EXPLAIN finds out, before it is laid out in a format. */

import type { ShardId } from '../../catalog/topology.js';
import type { Plan } from '../../planner/plan/plan.js';
import type { Properties } from './explain-document.js';
import type { ExecutionReport } from './execution-report.js';
import type { StatementValues } from './values.js';

export type ExplainPlan = Extract<Plan, { readonly kind: 'explain' }>;

/** The lines of the text format, or the one document of any other. */
export type ShardExplanation =
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'document'; readonly document: Properties };

/** A part of the plan that some shards carry out. */
export interface ExplainedPart {
  /** `statement`: what the shards make of the statement itself; `finish`: what is done with the shipped rows. */
  readonly role: 'statement' | 'finish' | { readonly shipment: number; readonly relation: string | undefined };
  readonly shards: readonly { readonly shard: ShardId; readonly explanation: ShardExplanation }[];
}

export interface Explanation {
  readonly parts: readonly ExplainedPart[];
  /** What was shipped, with ANALYZE. */
  readonly report: ExecutionReport | undefined;
  /** What pgring has to say beside the plan. */
  readonly notes: readonly string[];
  readonly values: StatementValues;
}
