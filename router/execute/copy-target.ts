/** Where copied rows go, and who gives them. */

import type { Plan } from '../../planner/plan/plan.js';

export type CopyFromPlan = Extract<Plan, { readonly kind: 'copyFrom' }>;

/** Where copied rows go. */
export type CopyTarget = Pick<CopyFromPlan, 'format' | 'key' | 'relation' | 'columns'> &
  Partial<Pick<CopyFromPlan, 'intake' | 'defaults' | 'ownDefaults'>> & {
    readonly target: CopyFromPlan['target'] | 'home';
  };

/** Who gives the rows. */
export interface CopyRows {
  /** The shards are ready: what the first of them said. */
  ready(response: Buffer): Promise<void>;
  /** The next CopyData, CopyDone or CopyFail. */
  next(): Promise<Buffer>;
}
