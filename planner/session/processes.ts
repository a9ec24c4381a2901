/**
 * pg_backend_pid(), pg_cancel_backend() and pg_terminate_backend() speak of clients' sessions, which the servers do not
 * know by these numbers. Where the statement runs, each call of the latter two becomes an expression that says whether
 * there is such a session and puts down what is meant, for pgring to do when the statement has run.
 */

import type { FuncCall, Node } from 'libpg-query';

import { refuse } from '../../base/errors.js';
import { callExtent, type ComputedList } from '../checks/computed.js';
import { functionTraits } from '../code/functions.js';
import type { Edit } from '../parse/splice.js';
import type { PlanContext } from '../tree/context.js';
import type { StatementText } from '../tree/text.js';
import { functionName, listItems, walkNodes } from '../tree/tree.js';

type ProcessFunction = 'pg_backend_pid' | 'pg_cancel_backend' | 'pg_terminate_backend';

/** The setting in which a statement puts down whom it means, for the time of its transaction: ` terminate:12 cancel:7`. */
export const SIGNALS = 'pgring.signals';

/** Edits for a statement that runs on the home shard, and whether it sends signals. */
export function processEdits(
  root: unknown,
  context: PlanContext,
  text: StatementText,
  computed: ComputedList,
): { readonly edits: readonly Edit[]; readonly signals: boolean } {
  const edits: Edit[] = [];
  let signals = false;
  const replace = (call: FuncCall, inFrom: 'named' | 'unnamed' | undefined): void => {
    const name = processFunction(call, context);
    if (name === undefined) return;
    if (inFrom === 'named' || call.args?.some((argument) => 'NamedArgExpr' in argument) === true) {
      throw refuse(`${name}() with names for its arguments or its result`, `SELECT ${name}(…) names neither.`, {
        position: text.position(call.location ?? 0),
      });
    }
    if (name !== 'pg_backend_pid') signals = true;
    edits.push(...callEdits(call, name, text, computed, inFrom === 'unnamed' ? ` AS ${name}` : ''));
  };
  walkNodes(root, (node) => {
    if ('RangeFunction' in node) {
      const { functions = [], alias } = node.RangeFunction;
      const calls = functions
        .flatMap(listItems)
        .filter((item): item is Extract<Node, { FuncCall: unknown }> => 'FuncCall' in item);
      for (const { FuncCall: call } of calls)
        replace(call, alias === undefined && calls.length === 1 ? 'unnamed' : 'named');
      return true;
    }
    if ('FuncCall' in node && !edits.some(({ start }) => start === node.FuncCall.location))
      replace(node.FuncCall, undefined);
    return true;
  });
  return { edits, signals };
}

function processFunction(call: FuncCall, context: PlanContext): ProcessFunction | undefined {
  const name = functionName(call);
  switch (name.name) {
    case 'pg_backend_pid':
    case 'pg_cancel_backend':
    case 'pg_terminate_backend':
      return functionTraits(name, context)?.builtin === true ? name.name : undefined;
    default:
      return undefined;
  }
}

/** The arguments' own text stays as it is. A subquery of one column is named as the call would be. */
function callEdits(
  call: FuncCall,
  name: ProcessFunction,
  text: StatementText,
  computed: ComputedList,
  label: string,
): readonly Edit[] {
  const location = call.location ?? 0;
  const extent = callExtent(location, text);
  if (extent === undefined) return [];
  if (name === 'pg_backend_pid') {
    const own = computed.addView(name);
    return [{ ...extent, pieces: ['(SELECT ', own, ` AS ${name})${label}`] }];
  }
  let open = text.tokenIndexAt(location);
  while (text.word(open) !== '(') open += 1;
  const close = text.closingIndex(open);
  const count = call.args?.length ?? 0;
  const sessions = computed.addView('pg_stat_activity');
  const kind = name === 'pg_cancel_backend' ? 'cancel' : 'terminate';
  const put = (what: string): string =>
    `pg_catalog.set_config('${SIGNALS}', pg_catalog.concat(pg_catalog.current_setting('${SIGNALS}', true), ' ${what}:', pgring.a), true)`;
  return [
    {
      start: extent.start,
      end: text.endOf(open),
      pieces: [
        '(SELECT CASE WHEN pgring.a IS NULL THEN NULL WHEN pgring.a::pg_catalog.int4 IN (SELECT known.pid FROM pg_catalog.jsonb_to_recordset(',
        sessions,
        `) AS known (pid int4)) THEN ${put(kind)} IS NOT NULL ELSE ${put('unknown')} IS NULL END AS ${name} FROM (SELECT `,
      ],
    },
    {
      start: text.startOf(close),
      end: text.endOf(close),
      pieces: [`) AS pgring (${count > 1 ? 'a, b' : 'a'}))${label}`],
    },
  ];
}
