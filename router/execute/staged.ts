/**
 * Statements in stages: parts of the statement run first, their rows are kept in memory, and stand in the rest as array
 * parameters. Each part and the rest are planned like statements of the client's, and all of it is one transaction.
 */

import { present } from '../../base/assert.js';
import { PgError, sqlstate, withoutPosition } from '../../base/errors.js';
import { quoteIdentifier } from '../../catalog/schema.js';
import { fill, noPieces } from '../../planner/parse/splice.js';
import type { Plan } from '../../planner/plan/plan.js';
import { readRowDescription, type FieldDescription } from '../../wire/backend.js';
import { encodeArrays } from './array-parameters.js';
import { carriedColumns, queryOver } from './carried-columns.js';
import { type BoundParameters, type BoundStatement, type ExecutionContext } from './context.js';
import { describeInFormats, expandFormats } from './describe.js';
import { inTransaction } from './in-transaction.js';
import { AnswerWithoutTag, CapturedAnswer, RowBudget, withOutput } from './own-output.js';
import { queryHomeRow } from './query-row.js';
import { StatementValues } from './values.js';

type StagedPlan = Extract<Plan, { readonly kind: 'staged' }>;

/** Carries out a plan of any kind. */
type Run = (context: ExecutionContext, statement: BoundStatement, plan: Plan) => Promise<void>;

const BINARY = 1;
const TEXT = 0;
const TEXT_ARRAY = 1009;

export async function executeStaged(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: StagedPlan,
  run: Run,
): Promise<void> {
  // A server that reads the statement as it was written says what is wrong with it before anything is done.
  const shape = await context.inferShape(statement);
  const given = statement.parameters.values.length;
  if (shape.parameterTypes.length > given) {
    throw new PgError(sqlstate.undefinedParameter, `there is no parameter $${given + 1}`);
  }
  const { rowDescription } = shape;
  const description =
    rowDescription !== undefined && statement.describe
      ? describeInFormats(rowDescription, statement.resultFormats)
      : undefined;
  const output = new AnswerWithoutTag(context.output, description);
  await inTransaction(context, async () => {
    const stages = new Stages(context, statement, shape.parameterTypes, run);
    for (const sql of plan.stages) await stages.add(sql);
    await stages.runStatement(withOutput(context, output), plan.sql, statement.resultFormats, false);
  });
  await output.sendTag();
}

/** The rows of the stages so far. */
class Stages {
  readonly #context: ExecutionContext;
  readonly #values: StatementValues;
  readonly #client: BoundParameters;
  readonly #run: Run;
  /** The query over arrays that stands for a stage's rows. */
  readonly #places: string[] = [];
  readonly #arrays: Buffer[] = [];
  /** Of these: not every part of the statement reads all of them, so that a server could tell. */
  readonly #arrayTypes: number[] = [];
  readonly #budget: RowBudget;

  constructor(context: ExecutionContext, statement: BoundStatement, parameterTypes: readonly number[], run: Run) {
    this.#context = context;
    this.#values = new StatementValues(statement);
    const { formats, values } = statement.parameters;
    this.#client = { formats: expandFormats(formats, values.length), values, types: parameterTypes };
    this.#run = run;
    this.#budget = new RowBudget(context);
  }

  async add(sql: StagedPlan['sql']): Promise<void> {
    const shape = await this.#context.inferShape(this.#bound(sql, [], true));
    const fields = shape.rowDescription === undefined ? [] : readRowDescription(shape.rowDescription);
    const { columns, arrayTypes } = await columnsOf(this.#context, fields);
    const answer = new CapturedAnswer(this.#budget);
    const formats = columns.map(({ binary }) => (binary ? BINARY : TEXT));
    await this.runStatement(withOutput(this.#context, answer), sql, formats, true);
    const first = this.#client.values.length + this.#arrays.length + 1;
    this.#arrays.push(...encodeArrays({ types: columns.map(({ carried }) => carried) }, answer.runs));
    this.#arrayTypes.push(...arrayTypes);
    this.#places.push(columns.length === 0 ? 'SELECT NULL' : queryOver(columns, first));
  }

  /** Plans and runs one statement over the rows so far. */
  async runStatement(
    context: ExecutionContext,
    sql: StagedPlan['sql'],
    resultFormats: readonly number[],
    describe: boolean,
  ): Promise<void> {
    const bound = this.#bound(sql, resultFormats, describe);
    const planned = context.planStatement(bound.sql, bound.parameters.types);
    if (planned.plan.kind === 'refuse') throw withoutPosition(planned.plan.error);
    try {
      await this.#run(context, { ...bound, ...planned }, planned.plan);
    } catch (error) {
      throw error instanceof PgError ? withoutPosition(error) : error;
    }
  }

  #bound(sql: StagedPlan['sql'], resultFormats: readonly number[], describe: boolean): BoundStatement {
    const text = fill(sql, {
      ...noPieces,
      slotText: (slot) => this.#values.slotText(slot),
      relationText: (stage) => present(this.#places[stage], 'a stage comes after those that it reads'),
    });
    const { formats, values, types } = this.#client;
    return {
      sql: Buffer.from(text),
      slots: [],
      parameters: {
        formats: [...formats, ...this.#arrays.map(() => BINARY)],
        values: [...values, ...this.#arrays],
        types: [...types, ...this.#arrayTypes],
      },
      resultFormats,
      describe,
    };
  }
}

/** The columns, and the types of their arrays. Of collations nothing is said to a client: those of the types are taken. */
async function columnsOf(
  context: ExecutionContext,
  fields: readonly FieldDescription[],
): Promise<{ readonly columns: ReturnType<typeof carriedColumns>; readonly arrayTypes: readonly number[] }> {
  if (fields.length === 0) return { columns: [], arrayTypes: [] };
  const asked = fields.flatMap(({ typeOid, typeModifier }) => [
    `pg_catalog.format_type(${typeOid}, ${typeModifier})`,
    `(SELECT typarray FROM pg_catalog.pg_type WHERE oid = ${typeOid})`,
  ]);
  const told = (await queryHomeRow(context, `SELECT ${asked.join(', ')}`)).map(String);
  const columns = carriedColumns(
    fields.map(({ name, typeOid }, index) => ({
      name: quoteIdentifier(name),
      typeOid,
      typeName: told[2 * index] ?? '',
    })),
  );
  return {
    columns,
    arrayTypes: columns.map(({ binary }, index) => (binary ? Number(told[2 * index + 1]) : TEXT_ARRAY)),
  };
}
