/** The planner's entry: a statement and the catalog to a plan. */

import type { Node, SelectStmt } from 'libpg-query';

import { PgError, refuse, refusedConstruct, withoutPosition } from '../base/errors.js';
import { Binder } from './bind/bind.js';
import { effectsOf } from './checks/check-implied.js';
import { withoutConstantRows } from './tree/constant-rows.js';
import type { PlanContext, PlanInput } from './tree/context.js';
import { withRowTransactions } from './checks/row-transactions.js';
import { planDeclaredCall } from './routine/declared-call.js';
import { expandTable } from './tree/expand-table.js';
import { expandView, MAX_EXPANSIONS, ViewFound } from './bind/expand-view.js';
import { inlineCall } from './routine/inline-call.js';
import { makeExpansion, spliceOrigins, type Expansion, type SlotOrigins, type Splice } from './tree/expansion.js';
import { planCall } from './routine/plan-call.js';
import { planCopy } from './copy/plan-copy.js';
import { planSelectInto } from './ddl/plan-create-as.js';
import { planDdl } from './ddl/plan-ddl.js';
import { planDeclaration } from './routine/plan-declaration.js';
import { planExplain } from './plan-explain.js';
import { planInsert } from './write/plan-insert.js';
import { planLocal } from './session/plan-local.js';
import { planModify } from './write/plan-modify.js';
import { isFinal } from './write/final-refusals.js';
import { planStages, writesInWith, writesSomething } from './write/plan-stages.js';
import { planPlacementCall } from './ddl/plan-placement.js';
import { planSelect } from './select/plan-select.js';
import { planSession } from './session/plan-session.js';
import { planSetConfig } from './session/plan-set-config.js';
import type { Plan } from './plan/plan.js';
import type { SessionTrace } from './postgres/session-trace.js';
import type { Slot } from './parse/tokenizer.js';
import { StatementText } from './tree/text.js';
import { functionName, someNode } from './tree/tree.js';

export interface PlannedStatement {
  readonly plan: Plan;
  /** Whether the plan serves every statement with the same cache key and context. */
  readonly reusable: boolean;
  /** The literals that the plan's slots number. Of a plan that is reusable, those of normalize(). */
  readonly slots: readonly Slot[];
  /** The text that the slots are of, where views were expanded in it; else it is the statement's own. */
  readonly expanded: Buffer | undefined;
  /** Of a reusable plan in which views were expanded: how the literals of another statement are made its slots. */
  readonly expansion?: Expansion | undefined;
}

/** What has become of a statement so far: how many views were expanded in it, and which slots are still the client's. */
interface Progress {
  readonly expansions: number;
  readonly origins: SlotOrigins | undefined;
}

export function planReusable(input: PlanInput): PlannedStatement {
  try {
    return planExpanded(input, { expansions: 0, origins: input.slots?.map((_, index) => index) });
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    // Positions and what was looked at belong to this text.
    return { plan: { kind: 'refuse', error }, reusable: false, slots: [], expanded: undefined };
  }
}

/** Plans a statement in which some views may have been expanded. */
function planExpanded(given: PlanInput, { expansions, origins }: Progress): PlannedStatement {
  const input = withRowTransactions(given);
  const text = new StatementText(input);
  try {
    const inlined = expansions < MAX_EXPANSIONS ? inlineCall(input) : undefined;
    if (inlined !== undefined) return planExpanded(inlined.input, moved(input, origins, expansions, inlined));
    const plan = noteEffects(planNode(input.statement.node, input, text), input);
    const table = expandTable(plan, input, text);
    // Where its literals went is not followed: such a plan is made anew each time.
    if (table !== undefined) return planExpanded(table, { expansions: expansions + 1, origins: undefined });
    const reusable = input.slots !== undefined && origins !== undefined && !text.dependsOnLiterals;
    if (expansions === 0) return { plan, reusable, slots: text.slots, expanded: undefined };
    const expansion = reusable ? makeExpansion(input.sql, text.slots, origins) : undefined;
    return { plan, reusable, slots: text.slots, expanded: input.sql, expansion };
  } catch (error) {
    if (error instanceof ViewFound) {
      if (expansions >= MAX_EXPANSIONS) {
        throw refuse('a statement with so many views over sharded tables', 'Select from fewer views at a time.');
      }
      const expanded = expandView(input, error);
      return planExpanded(expanded.input, moved(input, origins, expansions, expanded));
    }
    // A position in the expanded text is none in the client's.
    if (expansions > 0 && error instanceof PgError) throw withoutPosition(error);
    throw error;
  }
}

/** How far a statement is when a part of it was replaced. */
function moved(
  { slots }: PlanInput,
  origins: SlotOrigins | undefined,
  expansions: number,
  { input, splice }: { readonly input: PlanInput; readonly splice: Splice },
): Progress {
  const isKnown = origins !== undefined && slots !== undefined && input.slots !== undefined;
  return {
    expansions: expansions + 1,
    origins: isKnown ? spliceOrigins({ slots, origins }, splice, input.slots) : undefined,
  };
}

/** Marks the plan of a statement that notifies, or whose functions or triggers do, or make temporary tables. */
function noteEffects(plan: Plan, { statement: { node }, context, sql }: PlanInput): Plan {
  // A session command is known for what it does, set_config() alone among them.
  const isPlain = plan.kind === 'local' || plainCommands.has(Object.keys(node)[0] ?? '');
  const effects = isPlain ? undefined : effectsOf(rootOf(node), context);
  const names = 'ListenStmt' in node || 'UnlistenStmt' in node || 'NotifyStmt' in node;
  const notifies = names || effects?.notifies === true || namesNotify(node, sql);
  const leaves = [...new Set([...(plan.leaves ?? []), ...(effects?.leaves ?? []), ...ownTraces(node)])];
  const left: Plan = leaves.length > 0 ? { ...plan, leaves } : plan;
  const noted: Plan = notifies ? { ...left, notifies } : left;
  if (effects?.changesTemporary !== true) return noted;
  if (plan.kind !== 'declare') return { ...noted, changesTemporary: true };
  throw refuse(
    'a cursor over a function that makes temporary tables',
    'Call the function before, and declare the cursor over its tables.',
  );
}

/** Commands in which nothing is called. */
const plainCommands: ReadonlySet<string> = new Set([
  'TransactionStmt',
  'VariableSetStmt',
  'VariableShowStmt',
  'DiscardStmt',
  'DeallocateStmt',
  'FetchStmt',
  'ClosePortalStmt',
]);

/** What of a statement is read as code: of DDL, which is no code, what stands in it. */
function rootOf(node: Node): unknown {
  if ('InsertStmt' in node) return { InsertStmt: withoutConstantRows(node.InsertStmt) };
  const isQuery = 'SelectStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node || 'MergeStmt' in node;
  return isQuery || 'CallStmt' in node ? node : Object.values(node)[0];
}

/** What a command itself leaves in the session. */
function ownTraces(node: Node): readonly SessionTrace[] {
  if ('ListenStmt' in node || 'UnlistenStmt' in node) return ['LISTEN'];
  if (!('VariableSetStmt' in node)) return [];
  const { name, kind } = node.VariableSetStmt;
  if (name === 'seed') return ['random seed'];
  // Its value is what it is at this moment.
  if (kind === 'VAR_SET_CURRENT') return ['unknown'];
  return name?.toLowerCase() === 'idle_session_timeout' ? ['idle_session_timeout'] : [];
}

/** A query calls it by name; other statements may hold code that does. */
function namesNotify(node: Node, sql: Buffer): boolean {
  const isQuery = 'SelectStmt' in node || 'InsertStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node;
  if (!isQuery) return /pg_notify/i.test(sql.toString('latin1'));
  return someNode(rootOf(node), (part) => 'FuncCall' in part && functionName(part.FuncCall).name === 'pg_notify');
}

function planNode(node: Node, input: PlanInput, text: StatementText): Plan {
  const { context } = input;
  const planStretch = (part: Node, start: number, end: number): Plan => {
    // The slots of the whole text, so that one list serves the plan inside too.
    const inner = { ...input, statement: { node: part, start, end }, slots: text.slots };
    return planNode(part, inner, new StatementText(inner));
  };
  if ('SelectStmt' in node) {
    if (!writesSomething(node)) return planQuery(node.SelectStmt, new Binder(context, text));
    return orInStages(node, context, text, () => planQuery(node.SelectStmt, new Binder(context, text)));
  }
  if ('InsertStmt' in node) {
    return orInStages(node, context, text, () => planInsert(node.InsertStmt, new Binder(context, text)));
  }
  if ('UpdateStmt' in node || 'DeleteStmt' in node || 'MergeStmt' in node) {
    return orInStages(node, context, text, () => planModify(node, new Binder(context, text)));
  }
  const local = planLocal(node) ?? planSession(node, context, text);
  if (local !== undefined) return local;
  if ('ExplainStmt' in node) {
    return planExplain(node.ExplainStmt, text, (explained) =>
      planStretch(explained.node, explained.start, explained.end),
    );
  }
  if ('CallStmt' in node) return planCall(node.CallStmt, new Binder(context, text));
  if ('CopyStmt' in node) return planCopy(node.CopyStmt, new Binder(context, text), planStretch);
  return planDdl(node, context, text);
}

/** What cannot be done at once may be possible in stages. */
function orInStages(node: Node, context: PlanContext, text: StatementText, plan: () => Plan): Plan {
  try {
    return plan();
  } catch (error) {
    const construct = refusedConstruct(error);
    if (construct === undefined || (isFinal(error) && !writesInWith(node))) throw error;
    const staged = planStages(node, context, text, construct);
    if (staged === undefined) throw error;
    return staged;
  }
}

function planQuery(select: SelectStmt, binder: Binder): Plan {
  const into = planSelectInto(select, binder.context, binder.text);
  if (into !== undefined) return into;
  return (
    planPlacementCall(select, binder) ??
    planDeclaration(select, binder) ??
    planSetConfig(select, binder) ??
    planDeclaredCall(select, binder) ??
    planSelect(select, binder)
  );
}
