/** What EXPLAIN found, as the client gets it: lines of text, or one document. */

import { describePlan } from '../../planner/plan/explain-text.js';
import { describeObstacles } from '../../planner/scatter/obstacles.js';
import type { Obstacles, Plan } from '../../planner/plan/plan.js';
import { encodeDataRow, encodeRowDescription } from '../../wire/encode-backend.js';
import { shardOf } from '../transaction/session-backends.js';
import { send, type BoundStatement, type ExecutionContext } from './context.js';
import { deliverTag } from './deliver.js';
import { formatDocument, isProperties, type Properties } from './explain-document.js';
import { estimateOf } from './explain-shard.js';
import type { ExplainedPart, Explanation, ExplainPlan } from './explanation.js';
import type { ShipmentReport } from './execution-report.js';

/** The column's type: json, xml, or text for the others (ExplainResultDesc, commands/explain.c). */
const formatTypes = { text: 25, yaml: 25, json: 114, xml: 142 } as const;

export function explainDescription({ format }: Pick<ExplainPlan, 'format'>, resultFormats: readonly number[]): Buffer {
  const typeOid = formatTypes[format];
  return encodeRowDescription([
    {
      name: 'QUERY PLAN',
      tableOid: 0,
      columnNumber: 0,
      typeOid,
      typeSize: -1,
      typeModifier: -1,
      format: resultFormats[0] ?? 0,
    },
  ]);
}

export async function deliverExplanation(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: ExplainPlan,
  explanation: Explanation,
  elapsedMs: number,
): Promise<void> {
  const { format } = plan;
  const rows =
    format === 'text'
      ? textOf(context, plan, explanation, elapsedMs)
      : [formatDocument(format, documentOf(context, plan, explanation, elapsedMs))];
  if (statement.describe) await send(context.output, explainDescription(plan, statement.resultFormats));
  for (const row of rows) await send(context.output, encodeDataRow([row]));
  await deliverTag(context.output, 'EXPLAIN');
}

function obstaclesOf(plan: Plan): Obstacles {
  return plan.kind === 'scatter' || plan.kind === 'combine' || plan.kind === 'modify' || plan.kind === 'staged'
    ? (plan.obstacles ?? {})
    : {};
}

/** The plan with the statement's own literals. */
function planLines({ inner }: ExplainPlan, { values }: Explanation): readonly string[] {
  const [first = '', ...others] = describePlan(inner).map((line) =>
    line.replaceAll(/\{(\d+)\}/g, (_whole, slot: string) => values.slotText(Number(slot))),
  );
  return [first, ...describeObstacles(obstaclesOf(inner)), ...others];
}

function shippingOf(explanation: Explanation, { role }: ExplainedPart): ShipmentReport | undefined {
  if (typeof role === 'string') return undefined;
  return explanation.report?.shipments.find(({ shipment }) => shipment === role.shipment);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How much a part ships: what was counted, or what the shards expect. */
function amount(explanation: Explanation, part: ExplainedPart): { rows: number; bytes: number } | undefined {
  const counted = shippingOf(explanation, part)?.shards;
  const amounts = counted ?? part.shards.map((each) => estimateOf(each.explanation));
  const known = amounts.filter((each) => each !== undefined);
  if (known.length < amounts.length || known.length === 0) return undefined;
  return { rows: sum(known.map(({ rows }) => rows)), bytes: sum(known.map(({ bytes }) => bytes)) };
}

function textOf(
  context: ExecutionContext,
  plan: ExplainPlan,
  explanation: Explanation,
  elapsedMs: number,
): readonly string[] {
  const lines = [...planLines(plan, explanation), ...explanation.notes];
  for (const part of explanation.parts) {
    if (part.role === 'finish') lines.push('Finishing:');
    else if (part.role !== 'statement') lines.push(shippingLine(explanation, part, part.role.shipment));
    for (const { shard, explanation: own } of part.shards) {
      lines.push(`  Shard ${shardOf(context.topology, shard).name}:`);
      if (own.kind === 'lines') lines.push(...own.lines.map((line) => `    ${line}`));
    }
  }
  if (plan.analyze && plan.summary) lines.push(`Time of all: ${elapsedMs.toFixed(3)} ms`);
  return lines;
}

function shippingLine(explanation: Explanation, part: ExplainedPart, shipment: number): string {
  const report = shippingOf(explanation, part);
  const total = amount(explanation, part);
  const size =
    total === undefined ? '' : ` ${report === undefined ? 'about ' : ''}${total.rows} rows, ${total.bytes} bytes`;
  const carrier = report === undefined ? '' : `, by ${report.carrier}`;
  return `${report === undefined ? 'Shipping' : 'Shipped'} {relation ${shipment}}:${size}${carrier}`;
}

const rungs: Readonly<Partial<Record<Plan['kind'], string>>> = {
  pass: 'one shard',
  scatter: 'scatter',
  combine: 'combine',
  modify: 'modify on several shards',
  staged: 'in stages',
  insert: 'insert by owner',
  'insert select': 'insert combined rows',
  'create table as': 'create table as',
};

/** One document, whose plan is made of the shards' plans; what is pgring's own stands beside it. */
function documentOf(
  context: ExecutionContext,
  plan: ExplainPlan,
  explanation: Explanation,
  elapsedMs: number,
): Properties {
  const { parts } = explanation;
  const name = rungs[plan.inner.kind] ?? plan.inner.kind;
  const [only] = parts;
  const single = plan.inner.kind === 'pass' ? only?.shards[0]?.explanation : undefined;
  const own = ownProperties(context, plan, explanation, name);
  if (single?.kind === 'document') return { ...single.document, pgring: own };
  const plans = parts.flatMap((part) =>
    part.role === 'statement' ? shardPlans(context, part) : [partNode(context, explanation, part)],
  );
  return {
    Plan: customNode(`pgring ${name}`, plans, {}, resultPlans(parts, plans)),
    pgring: own,
    ...(plan.analyze && plan.summary ? { 'Execution Time': Number(elapsedMs.toFixed(3)) } : {}),
  };
}

/** Those whose rows are the answer's: with what finishes a combined statement, only that. */
function resultPlans(parts: readonly ExplainedPart[], plans: readonly Properties[]): readonly Properties[] {
  return parts.at(-1)?.role === 'finish' ? plans.slice(-1) : plans;
}

function ownProperties(
  context: ExecutionContext,
  plan: ExplainPlan,
  explanation: Explanation,
  name: string,
): Properties {
  const { oneShard, scatter } = obstaclesOf(plan.inner);
  const shards = explanation.parts.flatMap((part) => part.shards);
  return {
    Strategy: name,
    ...(oneShard === undefined ? {} : { 'Not on One Shard': oneShard }),
    ...(scatter === undefined ? {} : { 'Not the Union of the Answers': scatter }),
    Details: [...planLines(plan, explanation), ...explanation.notes],
    Shards: shards.map(({ shard, explanation: own }) => ({
      Name: shardOf(context.topology, shard).name,
      ...(own.kind === 'document' ? withoutPlan(own.document) : {}),
    })),
  };
}

function withoutPlan(document: Properties): Properties {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== 'Plan'));
}

function shardPlans(context: ExecutionContext, part: ExplainedPart): readonly Properties[] {
  return part.shards.flatMap(({ shard, explanation }): Properties[] => {
    const plan = explanation.kind === 'document' ? explanation.document['Plan'] : undefined;
    if (!isProperties(plan)) return [];
    return [
      { ...plan, 'Parent Relationship': 'Member', 'Subplan Name': `shard ${shardOf(context.topology, shard).name}` },
    ];
  });
}

function partNode(context: ExecutionContext, explanation: Explanation, part: ExplainedPart): Properties {
  const plans = shardPlans(context, part);
  if (typeof part.role === 'string') return plans[0] ?? {};
  const { shipment, relation } = part.role;
  const total = amount(explanation, part);
  const report = shippingOf(explanation, part);
  return customNode('pgring shipment', plans, {
    'Parent Relationship': 'Member',
    'Subplan Name': `relation ${shipment}`,
    ...(relation === undefined ? {} : { 'Shipped Relation': relation }),
    ...(total === undefined
      ? {}
      : report === undefined
        ? { 'Estimated Shipped Rows': total.rows, 'Estimated Shipped Bytes': total.bytes }
        : { 'Shipped Rows': total.rows, 'Shipped Bytes': total.bytes, Carrier: report.carrier }),
  });
}

/** A node that tools know how to read: costs and rows of what is below it, put together. */
function customNode(
  provider: string,
  plans: readonly Properties[],
  more: Properties,
  results: readonly Properties[] = plans,
): Properties {
  const numbers = (name: string, from = plans): readonly number[] =>
    from.flatMap((plan) => (typeof plan[name] === 'number' ? [plan[name]] : []));
  const together = (
    name: string,
    combine: (values: readonly number[]) => number,
    from?: readonly Properties[],
  ): Properties => {
    const values = numbers(name, from);
    return values.length === 0 ? {} : { [name]: combine(values) };
  };
  const greatest = (values: readonly number[]): number => Math.max(...values);
  const analyzed = numbers('Actual Loops').length > 0;
  return {
    'Node Type': 'Custom Scan',
    ...more,
    'Custom Plan Provider': provider,
    'Parallel Aware': false,
    'Async Capable': false,
    ...together('Startup Cost', (values) => Math.min(...values)),
    ...together('Total Cost', (values) => Number(sum(values).toFixed(2))),
    ...together('Plan Rows', sum, results),
    ...together('Plan Width', greatest, results),
    ...together('Actual Startup Time', (values) => Math.min(...values)),
    ...together('Actual Total Time', greatest),
    ...together('Actual Rows', sum, results),
    ...(analyzed ? { 'Actual Loops': 1 } : {}),
    ...(plans.length === 0 ? {} : { Plans: plans }),
  };
}
