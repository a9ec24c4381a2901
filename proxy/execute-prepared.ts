/** EXECUTE: the prepared statement that it means, with its arguments as parameters. */

import { PgError, sqlstate } from '../base/errors.js';
import { quoteIdentifier, quoteLiteral } from '../catalog/schema.js';
import { typeOid } from '../catalog/type-oid.js';
import { parseStatements } from '../planner/parse/parser.js';
import type { UnboundSetting } from '../planner/plan/command-plan.js';
import type { Plan } from '../planner/plan/plan.js';
import type { ExecuteLiteral, ExecutePlan } from '../planner/plan/session-plan.js';
import { readDataRow, readErrorResponse } from '../wire/backend.js';
import { encodeBind, encodeClose, encodeExecute, encodeParse, syncFrame } from '../wire/encode-frontend.js';
import { backendType } from '../wire/frame.js';
import { Exchange } from '../router/backend/exchange.js';
import { typesForShard } from '../router/backend/shard-oids.js';
import { noParameters, type BoundParameters } from '../router/execute/context.js';
import { planPrepared } from './plan-prepared.js';
import { inPreparedText } from './prepared.js';
import { reasonToRefuse } from './refusal.js';
import type { SessionScope } from './session-scope.js';
import { shapeOf } from './shape-of.js';
import type { PlannedStatement } from './statement-planner.js';
import { describingConnection } from './statement-shape.js';

/** A statement and the values that its parameters have. */
export interface ResolvedStatement {
  readonly planned: PlannedStatement;
  readonly parameters: BoundParameters;
}

/** The statement under another name on a server, whose only purpose is that arguments become of its parameters' types. */
const ARGUMENTS = 'pgring_arguments';

/** What runs in the place of EXECUTE, EXPLAIN EXECUTE or set_config() with parameters; any other statement runs as it is. */
export async function resolveStatement(
  scope: SessionScope,
  planned: PlannedStatement,
  parameters: BoundParameters,
): Promise<ResolvedStatement> {
  const { plan } = planned;
  if (plan.kind === 'local' && plan.command.kind === 'set' && plan.command.unbound !== undefined) {
    const {
      sql,
      slots,
      expanded,
      plan: bound,
    } = scope.planStatement(settingText(plan.command.unbound, parameters), []);
    return { planned: { ...planned, sql, slots, expanded, plan: bound }, parameters: noParameters };
  }
  if (plan.kind === 'execute') return await resolveExecute(scope, plan, planned.sql);
  if (plan.kind === 'create table as' && plan.executed !== undefined) {
    return await resolveCreateAs(scope, planned, plan, plan.executed);
  }
  if (plan.kind !== 'explain' || plan.inner.kind !== 'execute') return { planned, parameters };
  const inner = await resolveExecute(scope, plan.inner, planned.sql);
  const { sql, slots, expanded, offset } = inner.planned;
  const explained = { ...plan, inner: inner.planned.plan, statement: [sql.toString('utf8')] };
  return { planned: { ...planned, plan: explained, sql, slots, expanded, offset }, parameters: inner.parameters };
}

const BINARY_TRUE = 1;

/** set_config() with the parameters' values as literals. In binary a text is the same, and a bool one byte. */
function settingText(setting: UnboundSetting, { formats, values }: BoundParameters): Buffer {
  const texts = setting.arguments.map((argument, index) => {
    if (typeof argument === 'string') return quoteLiteral(argument);
    const value = values[argument - 1] ?? null;
    if (value === null) return 'NULL';
    const isBinary = (formats.length === 1 ? formats[0] : formats[argument - 1]) === 1;
    if (index === 2 && isBinary) return quoteLiteral(value[0] === BINARY_TRUE ? 'true' : 'false');
    return quoteLiteral(value.toString('utf8'));
  });
  return Buffer.from(`SELECT pg_catalog.set_config(${texts.join(', ')}) AS ${quoteIdentifier(setting.column)}`);
}

/** CREATE TABLE AS EXECUTE: no server knows the prepared statement by its name, so its text stands there. */
async function resolveCreateAs(
  scope: SessionScope,
  planned: PlannedStatement,
  plan: Extract<Plan, { readonly kind: 'create table as' }>,
  execute: ExecutePlan,
): Promise<ResolvedStatement> {
  const { planned: inner, parameters } = await resolveExecute(scope, execute, planned.sql);
  const text = inner.sql.toString('utf8');
  const [parsed] = parseStatements(text);
  if (parsed === undefined || !('SelectStmt' in parsed.node)) {
    throw new PgError(sqlstate.wrongObjectType, 'prepared statement is not a SELECT');
  }
  // A comment may end the text.
  const query = [`${text}\n`];
  const sql = [...plan.head, ...query, ' WITH NO DATA'];
  const resolved = { ...plan, executed: undefined, sql, query: plan.query === undefined ? undefined : query };
  return { planned: { ...planned, plan: resolved }, parameters };
}

async function resolveExecute(scope: SessionScope, plan: ExecutePlan, sql: Buffer): Promise<ResolvedStatement> {
  const statement = scope.prepared.get(plan.name);
  const { parameterTypes } = statement.origin.fromSql ? statement : await shapeOf(scope, statement);
  const values = await argumentValues(scope, plan, parameterTypes, sql);
  try {
    const first = planPrepared(scope, statement);
    const planned = await scope.replanIfStale(first, statement.plannedFor, statement.parameterTypes);
    if (planned.plan.kind === 'refuse') {
      throw await reasonToRefuse(scope, statement.sql, statement.parameterTypes, planned.plan.error);
    }
    await shapeOf(scope, statement);
    return { planned: { ...planned, offset: statement.origin.offset }, parameters: values };
  } catch (error) {
    throw inPreparedText(error, statement);
  }
}

async function argumentValues(
  scope: SessionScope,
  plan: ExecutePlan,
  types: readonly number[],
  sql: Buffer,
): Promise<BoundParameters> {
  // Arguments of a statement without parameters are not looked at (prepare.c, ExecuteQuery).
  if (types.length === 0) return noParameters;
  const count = plan.arguments?.count ?? 0;
  if (count !== types.length) {
    throw new PgError(sqlstate.syntaxError, `wrong number of parameters for prepared statement "${plan.name}"`, {
      detail: `Expected ${types.length} parameters but got ${count}.`,
    });
  }
  const literals = plan.literals?.map((literal, index) => literalValue(literal, types[index] ?? 0));
  if (literals?.every((value) => value !== undefined) === true) return { formats: [], values: literals, types };
  return await evaluate(scope, plan, types, sql);
}

const integerBits: ReadonlyMap<number, number> = new Map([
  [typeOid.int2, 16],
  [typeOid.int4, 32],
  [typeOid.int8, 64],
]);

/** The first oid of objects that users create: domains among them, which NULL may not be in. */
const FIRST_USER_OID = 16_384;

/** The value in text form, where it is known without a server that it is one of the type. */
function literalValue(literal: ExecuteLiteral, type: number): Buffer | null | undefined {
  switch (literal.kind) {
    case 'null':
      return type < FIRST_USER_OID ? null : undefined;
    case 'string':
      return type === typeOid.text || type === typeOid.varchar ? Buffer.from(literal.text) : undefined;
    case 'integer': {
      const bits = integerBits.get(type);
      const fits = bits !== undefined && BigInt.asIntN(bits, BigInt(literal.value)) === BigInt(literal.value);
      return fits ? Buffer.from(String(literal.value)) : undefined;
    }
  }
}

/** Floats lose digits in text form when extra_float_digits says so. */
const binaryTypes: ReadonlySet<number> = new Set([typeOid.float4, typeOid.float8]);

/** A server evaluates the arguments and makes them of the parameters' types, by an EXECUTE of its own. */
async function evaluate(
  scope: SessionScope,
  plan: ExecutePlan,
  types: readonly number[],
  sql: Buffer,
): Promise<BoundParameters> {
  const connection = await describingConnection(scope);
  const list = types.map((_type, index) => `$${index + 1}`).join(', ');
  const prefix = `EXECUTE ${ARGUMENTS}(`;
  const formats = types.map((type) => (binaryTypes.has(type) ? 1 : 0));
  connection.prepared.delete('');
  const exchange = new Exchange(connection);
  exchange.send(
    [
      encodeClose('statement', ARGUMENTS),
      encodeParse(ARGUMENTS, `SELECT ${list}`, typesForShard(types, connection.oidMap())),
      encodeParse('', `${prefix}${plan.arguments?.sql ?? ''})`, []),
      encodeBind({ portal: '', statement: '', parameterFormats: [], parameters: [], resultFormats: formats }),
      encodeExecute('', 0),
      encodeClose('statement', ARGUMENTS),
      syncFrame,
    ],
    1,
  );
  exchange.onNotice = (frame) => {
    scope.onNotice(frame);
  };
  let values: readonly (Buffer | null)[] = [];
  let failure: PgError | undefined;
  while (connection.outstandingReady > 0) {
    const item = await exchange.next();
    if (item.kind === 'rows') {
      values = readDataRow(item.run.bytes, item.run.start).map((value) => (value === null ? null : Buffer.from(value)));
    } else if (item.type === backendType.errorResponse) failure = readErrorResponse(item.frame);
  }
  exchange.release();
  if (failure !== undefined) throw inExecute(failure, prefix.length, sql.toString('utf8', 0, plan.arguments?.start));
  return { formats, values, types };
}

/** An error in an argument, with its position in the client's EXECUTE. */
function inExecute(error: PgError, prefixLength: number, before: string): PgError {
  const { position, ...fields } = error.fields;
  const moved = position === undefined ? undefined : position - prefixLength + Array.from(before).length;
  return new PgError(error.sqlstate, error.message.replaceAll(ARGUMENTS, 'EXECUTE'), {
    ...fields,
    ...(moved === undefined ? {} : { position: moved }),
  });
}
