/** Runs one plan, whatever its kind, and writes its whole answer (but ReadyForQuery) to the client. */

import { unreachable } from '../../base/assert.js';
import type { Plan, ServerPlan } from '../../planner/plan/plan.js';
import { emptyQueryResponse } from '../../wire/encode-backend.js';
import { openBroadcast } from './broadcast.js';
import { combinesInside, openInsideSession } from './combine-inside.js';
import { openCombine } from './combine.js';
import type { BoundStatement, ExecutionContext } from './context.js';
import { send } from './context.js';
import { executeCopyCombined, executeCopyGathered } from './copy-query.js';
import { executeCopyFrom } from './copy-from.js';
import { executeCopyTo } from './copy-to.js';
import { executeCreateTableAs } from './create-table-as.js';
import { executeDdl } from './ddl.js';
import { deliverRows, deliverTag } from './deliver.js';
import { executeExplain } from './explain.js';
import { locksUpToLimit, openScatter, withGathered, type Gathered } from './gather.js';
import { inTransaction } from './in-transaction.js';
import { executeInsertSelect } from './insert-select.js';
import { executeLocal } from './local.js';
import { executePass } from './pass.js';
import { executeDeclareFunction } from './declare-function.js';
import { executePlaceTable } from './place-table.js';
import { executeSignals } from './signals.js';
import { executeStaged } from './staged.js';
import { executeInsert, executeModify } from './write.js';

const wholeAnswer = { portal: '', batchRows: 0 } as const;

export async function executePlan(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ServerPlan,
): Promise<void> {
  switch (plan.kind) {
    case 'empty':
      await send(context.output, emptyQueryResponse);
      return;
    case 'local':
      await executeLocal(context, statement, plan.command);
      return;
    case 'pass':
      await (plan.signals === true ? executeSignals(context, statement, plan) : executePass(context, statement, plan));
      return;
    case 'scatter': {
      const run = async (): Promise<string> =>
        await deliverGathered(context, statement, await openScatter(context, statement, plan, wholeAnswer));
      await deliverTag(context.output, locksUpToLimit(plan) ? await inTransaction(context, run) : await run());
      return;
    }
    case 'combine':
      await deliverTag(
        context.output,
        await deliverGathered(context, statement, await openCombined(context, statement, plan)),
      );
      return;
    case 'insert':
      await executeInsert(context, statement, plan);
      return;
    case 'insert select':
      await executeInsertSelect(context, statement, plan);
      return;
    case 'create table as':
      await executeCreateTableAs(context, statement, plan);
      return;
    case 'modify':
      await executeModify(context, statement, plan);
      return;
    case 'staged':
      await executeStaged(context, statement, plan, executeInner);
      return;
    case 'ddl':
      await executeDdl(context, statement, plan);
      return;
    case 'copyFrom':
      await executeCopyFrom(context, statement, plan);
      return;
    case 'copyTo':
      await executeCopyTo(context, statement, plan);
      return;
    case 'copyGathered':
      await executeCopyGathered(context, statement, plan);
      return;
    case 'copyCombined':
      await executeCopyCombined(context, statement, plan);
      return;
    case 'place table':
      await executePlaceTable(context, statement, plan);
      return;
    case 'declare function':
      await executeDeclareFunction(context, statement, plan);
      return;
    case 'explain':
      await executeExplain(context, statement, plan);
      return;
    case 'refuse':
      throw plan.error;
    default:
      unreachable(plan, 'a plan');
  }
}

async function openCombined(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: Extract<ServerPlan, { readonly kind: 'combine' }>,
): Promise<Gathered> {
  if (await combinesInside(context, plan)) {
    return await openCombine(context, statement, plan, await openInsideSession(context, statement, plan));
  }
  return (await openBroadcast(context, statement, plan)) ?? (await openCombine(context, statement, plan));
}

/** A part of a statement. What the session knows by name is none. */
async function executeInner(context: ExecutionContext, statement: BoundStatement, plan: Plan): Promise<void> {
  switch (plan.kind) {
    case 'prepare':
    case 'execute':
    case 'declare':
    case 'fetch':
    case 'close':
    case 'current of':
      throw new Error(`a part of a statement was planned as ${plan.kind}`);
    default:
      await executePlan(context, statement, plan);
  }
}

/** Hands a gathered answer to the client, whole, but for its tag. */
async function deliverGathered(
  context: ExecutionContext,
  statement: BoundStatement,
  gathered: Gathered,
): Promise<string> {
  const count = await withGathered(gathered, async () => {
    if (statement.describe && gathered.description !== undefined) await send(context.output, gathered.description);
    return await deliverRows(context.output, gathered.rows);
  });
  return gathered.tag(count);
}
