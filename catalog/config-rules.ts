/** What the configuration says about a table that is about to be created. */

import type { PlacementRules } from './config.js';
import type { Placement } from './schema.js';

/**
 * The placement by the strongest rule that fits: one for `schema.name`, one for the name in any schema, then the first
 * of `shard_keys` that is a column. Undefined when no rule fits. A rule may name a column that the table lacks.
 */
export function ruleFor(
  rules: PlacementRules,
  schema: string,
  name: string,
  columnNames: readonly string[],
): Placement | undefined {
  const named = rules.tables.filter((rule) => rule.name === name);
  const rule = named.find((each) => each.schema === schema) ?? named.find((each) => each.schema === undefined);
  if (rule !== undefined) return rule.placement;
  const key = rules.shardKeys.find((column) => columnNames.includes(column));
  return key === undefined ? undefined : { kind: 'sharded', key: [key] };
}
