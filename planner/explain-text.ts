/** stub */
import type { Plan } from './plan.js';
export function describePlan(p: Plan): string[] {
  return [p.kind];
}
