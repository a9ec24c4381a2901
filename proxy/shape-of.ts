/** What a prepared statement takes and gives, by its plan: most is inferred by a server, and some needs none. */

import { PgError, sqlstate } from '../base/errors.js';
import type { LocalCommand } from '../planner/plan/command-plan.js';
import type { Plan } from '../planner/plan/plan.js';
import { readRowDescription } from '../wire/backend.js';
import { encodeRowDescription } from '../wire/encode-backend.js';
import type { StatementShape } from '../router/execute/context.js';
import { describeInFormats } from '../router/execute/describe.js';
import { pinsDescription } from '../router/execute/local.js';
import { explainDescription } from '../router/execute/explain-deliver.js';
import { describeCursor } from './cursors.js';
import { planPrepared } from './plan-prepared.js';
import { inPreparedText, type PreparedStatement } from './prepared.js';
import type { SessionScope } from './session-scope.js';
import { inferShape } from './statement-shape.js';

/** Shapes belong to plans: both depend on the same text, catalog and search path. */
const shapes = new WeakMap<Plan, StatementShape>();

const noShape: StatementShape = { parameterTypes: [], rowDescription: undefined };

/** Errors: what a server has against the statement; 0A000 when its result is not what it was when it was prepared. */
export async function shapeOf(scope: SessionScope, statement: PreparedStatement): Promise<StatementShape> {
  const { plan } = planPrepared(scope, statement);
  switch (plan.kind) {
    case 'local':
      if (plan.command.kind === 'show pins') return { parameterTypes: [], rowDescription: pinsDescription };
      return setsConfig(plan.command) ? await inferred(scope, plan, statement) : noShape;
    case 'empty':
    case 'ddl':
    case 'copyFrom':
    case 'copyTo':
    case 'copyGathered':
    case 'copyCombined':
    case 'refuse':
    case 'prepare':
    case 'close':
      return noShape;
    case 'execute': {
      // A name that nothing is prepared under is no error before it is executed (utility.c, UtilityReturnsTuples).
      const executed = scope.prepared.find(plan.name);
      if (executed === undefined) return noShape;
      try {
        return { parameterTypes: [], rowDescription: (await shapeOf(scope, executed)).rowDescription };
      } catch (error) {
        throw inPreparedText(error, executed);
      }
    }
    case 'fetch':
      return { parameterTypes: [], rowDescription: plan.move ? undefined : await fetched(scope, plan.name) };
    case 'explain': {
      const { parameterTypes } = plan.inner.kind === 'execute' ? noShape : await inferred(scope, plan, statement);
      return { parameterTypes, rowDescription: explainDescription(plan, []) };
    }
    case 'create table as':
      return plan.executed === undefined ? await inferred(scope, plan, statement) : noShape;
    case 'place table':
    case 'declare function':
      return { parameterTypes: [], rowDescription: voidDescription(plan.column) };
    default:
      return await inferred(scope, plan, statement);
  }
}

async function fetched(scope: SessionScope, name: string): Promise<Buffer | undefined> {
  const description = await describeCursor(scope, name);
  return description === undefined ? undefined : describeInFormats(description, []);
}

/** What a server has said of the plan's statement. */
export function knownShape(plan: Plan): StatementShape | undefined {
  return shapes.get(plan);
}

/** A shape that is known without asking again. */
export function noteShape(plan: Plan, shape: StatementShape): void {
  shapes.set(plan, shape);
}

async function inferred(scope: SessionScope, plan: Plan, statement: PreparedStatement): Promise<StatementShape> {
  const fixed = statement.shape?.parameterTypes;
  let shape = shapes.get(plan);
  if (fixed !== undefined && fixed.join() !== shape?.parameterTypes.join()) {
    // Parameters keep the types that they were inferred to be of, whatever the catalog says now.
    shape = await inferShape(scope, statement.sql, fixed);
    scope.definitions.get(statement.sql, fixed, scope.contextKey).shape ??= shape;
  } else if (shape === undefined) {
    shape = await inferShape(scope, statement.sql, statement.parameterTypes);
    shapes.set(plan, shape);
  }
  statement.shape ??= shape;
  if (!sameRows(statement.shape.rowDescription, shape.rowDescription)) {
    throw new PgError(sqlstate.featureNotSupported, 'cached plan must not change result type');
  }
  return shape;
}

/** As equalRowTypes() (src/backend/access/common/tupdesc.c): names, types and their modifiers. */
export function sameRows(left: Buffer | undefined, right: Buffer | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined || left.equals(right)) return left !== undefined && right !== undefined;
  const columns = (description: Buffer): string =>
    JSON.stringify(
      readRowDescription(description).map(({ name, typeOid, typeModifier }) => [name, typeOid, typeModifier]),
    );
  return columns(left) === columns(right);
}

/** SELECT set_config(…), which gives a row. */
function setsConfig(command: LocalCommand): boolean {
  return command.kind === 'set' && command.tag === 'SELECT';
}

const VOID_OID = 2278;

function voidDescription(name: string): Buffer {
  return encodeRowDescription([
    { name, tableOid: 0, columnNumber: 0, typeOid: VOID_OID, typeSize: 4, typeModifier: -1, format: 0 },
  ]);
}
