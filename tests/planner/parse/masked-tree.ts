/** Parse trees without what may differ between statements of one plan-cache key: values in slots, and locations. */

import { slotAt } from '../../../planner/parse/constants.js';
import { parseStatements } from '../../../planner/parse/parser.js';
import type { Normalized } from '../../../planner/parse/tokenizer.js';

/** A constant of the tree and the slot it was found in, undefined when it has none. */
interface FoundConstant {
  readonly constant: Readonly<Record<string, unknown>>;
  readonly location: number;
  readonly slot: number | undefined;
  readonly negative: boolean;
}

interface MaskedTree {
  readonly text: string;
  readonly constants: readonly FoundConstant[];
}

/** Where a constant may be an ordinal, so that its value is part of the tree. */
const positions = new Set(['sortClause', 'groupClause', 'distinctClause']);

/** The tree of a text that holds one statement. Throws what the parser throws. */
export function maskedTree(sql: string, { slots }: Normalized): MaskedTree {
  const bytes = Buffer.from(sql);
  const statements = parseStatements(sql);
  const constants: FoundConstant[] = [];
  const mask = (value: unknown, open: boolean): unknown => {
    if (Array.isArray(value)) return value.map((member) => mask(member, open));
    if (typeof value !== 'object' || value === null) return value;
    const entries: [string, unknown][] = [];
    for (const [name, member] of Object.entries(value)) {
      if (name === 'A_Const') {
        const constant = member as Record<string, unknown>;
        const location = typeof constant['location'] === 'number' ? constant['location'] : 0;
        const found = slotAt(bytes, slots, location);
        constants.push({ constant, location, slot: found?.slot, negative: found?.negative ?? false });
        const kind = Object.keys(constant).find((key) => key !== 'location');
        entries.push([
          name,
          found === undefined || open ? mask(constant, open) : `${kind} in slot ${found.slot} ${found.negative}`,
        ]);
      } else if (!/location$|^stmt_len$|list_(start|end)$/.test(name))
        entries.push([name, mask(member, open || positions.has(name))]);
    }
    return Object.fromEntries(entries);
  };
  const text = JSON.stringify(statements.map(({ node }) => mask(node, false)));
  return { text, constants };
}

/** The constant's value as text. */
export function constantText(constant: Readonly<Record<string, unknown>>): string {
  for (const kind of ['ival', 'fval', 'sval', 'bsval']) {
    const value = constant[kind];
    // libpg_query leaves out what is zero or empty.
    if (typeof value === 'object' && value !== null)
      return String(Object.values(value)[0] ?? (kind === 'ival' ? 0 : ''));
  }
  throw new Error(`no value in ${JSON.stringify(constant)}`);
}
