/** What pgring would make of a schema that is placed so: its triggers, functions and statements, by its own planner. */

import type { Node } from 'libpg-query';

import type { CatalogSnapshot, Placement, Relation } from '../../catalog/schema.js';
import { nextVersion } from '../../catalog/snapshot.js';
import { reachableOf, whyNowhere } from '../../planner/code/conduct.js';
import { conductOf } from '../../planner/code/read-routine.js';
import { signatureOf } from '../../planner/code/routines.js';
import { triggerProblem } from '../../planner/checks/triggers.js';
import type { PlanContext } from '../../planner/tree/context.js';
import { parseStatements } from '../../planner/parse/parser.js';
import { planReusable } from '../../planner/plan-statement.js';
import type { Plan } from '../../planner/plan/plan.js';
import { resolveRelation } from '../../planner/tree/scope.js';
import { rangeVarName, walkNodes } from '../../planner/tree/tree.js';
import { PgError } from '../../base/errors.js';
import type { AdvisedSchema, AdvisedTable, Choices } from './schema.js';

/** A trigger that cannot do on shards what it does on one server. */
export interface TriggerTrouble {
  readonly table: AdvisedTable;
  readonly trigger: string;
  readonly why: string;
  /** What is refused: writes that fire it, or, where it cannot stand there, the trigger itself. */
  readonly refused: readonly string[] | 'trigger';
}

export interface Remark {
  readonly subject: string;
  readonly why: string;
}

/** How statements run, by their calls. */
export interface Workload {
  readonly oneShard: number;
  readonly severalShards: number;
  readonly combined: number;
  readonly refused: readonly (Remark & { readonly calls: number })[];
}

export interface Judgement {
  readonly triggers: readonly TriggerTrouble[];
  readonly functions: readonly Remark[];
  /** Undefined where no statements are known. */
  readonly workload: Workload | undefined;
}

export function judge(schema: AdvisedSchema, choices: Choices): Judgement {
  const catalog = placed(schema, choices);
  const context: PlanContext = {
    catalog,
    searchPath: schema.searchPath,
    parameterTypes: [],
    rules: { ruleFor: () => undefined },
  };
  return {
    triggers: schema.tables.flatMap((table) => triggerTroubles(table, context)),
    functions: functionRemarks(schema, catalog),
    workload: schema.statements === undefined ? undefined : workloadOf(schema, context),
  };
}

/** The catalog with other placements. */
function placed({ catalog, tables }: AdvisedSchema, choices: Choices): CatalogSnapshot {
  const placements = new Map<number, Placement>();
  for (const table of tables) {
    const placement = choices.get(table.oid);
    if (placement === undefined) continue;
    for (const { oid } of [table, ...table.members]) placements.set(oid, placement);
  }
  const known = new Map<number, Relation>();
  const place = (relation: Relation | undefined): Relation | undefined => {
    const placement = relation === undefined ? undefined : placements.get(relation.oid);
    if (relation === undefined || placement === undefined) return relation;
    let changed = known.get(relation.oid);
    if (changed === undefined) known.set(relation.oid, (changed = { ...relation, placement }));
    return changed;
  };
  return Object.freeze({
    ...catalog,
    version: nextVersion(),
    relation: (schema: string, name: string) => place(catalog.relation(schema, name)),
    relationByOid: (oid: number) => place(catalog.relationByOid(oid)),
    relations: () => [...catalog.relations()].map((relation) => place(relation) ?? relation),
  });
}

function triggerTroubles(table: AdvisedTable, context: PlanContext): readonly TriggerTrouble[] {
  const { catalog } = context;
  return [table, ...table.members].flatMap(({ oid }) => {
    const relation = catalog.relationByOid(oid);
    if (relation === undefined) return [];
    return catalog.code.ofRelation(oid).triggers.flatMap((trigger) => {
      const problem = triggerProblem(relation, trigger, context);
      if (problem === undefined) return [];
      const refused = problem.mayStand === true ? trigger.events.map((event) => event.toUpperCase()) : 'trigger';
      return [{ table, trigger: trigger.name, why: problem.why, refused } as const];
    });
  });
}

function functionRemarks({ searchPath }: AdvisedSchema, catalog: CatalogSnapshot): readonly Remark[] {
  const triggers = new Set(
    [...catalog.relations()].flatMap(({ oid }) => catalog.code.ofRelation(oid).triggers.map(({ routine }) => routine)),
  );
  return [...catalog.code.everyRoutine()].flatMap((routine) => {
    if (routine.extension !== undefined || triggers.has(routine.oid) || routine.returnType === 'trigger') return [];
    const conduct = conductOf({ routine, searchPath }, catalog);
    if (reachableOf(conduct) !== 'nowhere') return [];
    return [{ subject: `${routine.schema}.${signatureOf(routine)}`, why: whyNowhere(conduct).replace(/,$/, '') }];
  });
}

function workloadOf({ statements }: AdvisedSchema, context: PlanContext): Workload {
  let oneShard = 0;
  let severalShards = 0;
  let combined = 0;
  const refused: (Remark & { readonly calls: number })[] = [];
  for (const { sql, calls } of statements ?? []) {
    for (const plan of plansOf(sql, context)) {
      if (plan.kind === 'refuse') {
        // What the server itself would refuse is no finding about placements.
        if (plan.error.sqlstate === '0A000') refused.push({ subject: sql, why: plan.error.message, calls });
      } else if (plan.kind === 'combine' || plan.kind === 'insert select') combined += calls;
      else if (isSpread(plan)) severalShards += calls;
      else if (plan.kind !== 'local' && plan.kind !== 'ddl') oneShard += calls;
    }
  }
  return { oneShard, severalShards, combined, refused };
}

/** The plans of a text; none for one that is no SQL any more, as `interval $1`, or reads nothing but the catalog. */
function plansOf(sql: string, context: PlanContext): readonly Plan[] {
  try {
    const bytes = Buffer.from(sql);
    return parseStatements(sql)
      .filter(({ node }) => !readsCatalogOnly(node, context))
      .map((statement) => planReusable({ statement, sql: bytes, slots: undefined, context }).plan);
  } catch (error) {
    if (error instanceof PgError) return [];
    throw error;
  }
}

/** Tools look at the catalog, and so has this one, before it has read the statements. */
function readsCatalogOnly(node: Node, context: PlanContext): boolean {
  let catalogs = 0;
  let others = 0;
  walkNodes([node], (part) => {
    if (!('RangeVar' in part)) return true;
    const found = resolveRelation(rangeVarName(part.RangeVar), context);
    if (found === 'catalog') catalogs += 1;
    else if (found !== undefined) others += 1;
    return true;
  });
  return catalogs > 0 && others === 0;
}

function isSpread(plan: Plan): boolean {
  switch (plan.kind) {
    case 'scatter':
    case 'copyGathered':
    case 'copyCombined':
      return true;
    case 'modify':
    case 'copyTo':
      return plan.routing.kind === 'all';
    default:
      return false;
  }
}
