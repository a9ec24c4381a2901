/**
 * Rung 5: rows are shipped from the shards to a session of its own on the home shard, and a real PostgreSQL finishes the
 * statement over them. Few rows of a relation travel as array parameters of the statement, more to a temporary table.
 * That session is not the transaction's, for a transaction that touched temporary objects cannot be prepared; what is
 * shipped is read on the transaction's own connections, so it sees its own writes.
 */

import { refuse } from '../../base/errors.js';
import { queryAlone } from '../../planner/copy/copied-query.js';
import type { ComputedExpression, Shipment, SqlPiece } from '../../planner/plan/plan.js';
import { fill, noPieces } from '../../planner/parse/splice.js';
import type { BackendConnection } from '../backend/connection.js';
import type { RowRun, RowStream } from '../merge/stream.js';
import { beginReadingOnly } from '../transaction/transaction-state.js';
import { arrayRelation, encodeArrays, fitsArrays } from './array-parameters.js';
import type { BoundParameters, BoundStatement, ExecutionContext } from './context.js';
import { expandFormats } from './describe.js';
import type { ExecutionReport } from './execution-report.js';
import { Finisher } from './finisher.js';
import { bindValues } from './route.js';
import { Shipping, type ChosenShipment, type ShippedRows } from './shipping.js';
import type { StatementValues } from './values.js';

const BINARY = 1;
/** The table that a statement stores its rows in. */
export const RESULT_NAME = 'pgring_result';
export const RESULT_TABLE = `pg_temp.${RESULT_NAME}`;
/** A relation up to that size travels as array parameters. */
export const ARRAY_ROWS = 1_000;
const ARRAY_BYTES = 64 * 1024;
/** More rows than that are worth statistics, without which PostgreSQL plans for very few. */
const ANALYZED_ROWS = 1_000;

/** What is to run over the shipped rows. */
interface CombinedStatement {
  readonly shipments: readonly Shipment[];
  readonly sql: readonly SqlPiece[];
  readonly computed: readonly ComputedExpression[];
  /** False for a statement that takes no parameters of its own, so no rows as parameters either (COPY). */
  readonly takesParameters?: false;
  /** Functions in it read tables: not as another session sees them than the transaction in progress. */
  readonly readsOutside?: boolean;
  /** It calls functions of the user's, which the transaction in progress may have changed. */
  readonly callsUncommitted?: boolean;
}

/** A session with the rows shipped to it. Whoever holds it must end it. */
export interface CombineSession {
  readonly connection: BackendConnection;
  /** The statement to run there. */
  readonly sql: string;
  readonly parameters: BoundParameters;
  /** RowDescription of the statement's rows. */
  readonly rowDescription: Buffer | undefined;
  readonly report: ExecutionReport;
  /** Resolves when the shards are free again; the statement can be started before. */
  readonly shardsFree: Promise<void>;
  end(): Promise<void>;
}

/** What the statement needs besides the rows. */
interface CombineNeeds {
  /** Of one more temporary table, which the statement knows as the last relation. */
  readonly definition?: string;
  /**
   * A transaction block, as DECLARE does, which may leave something behind (WITH HOLD). The rows come in tables: FETCH
   * tells a column's number in its table.
   */
  readonly transaction?: boolean;
}

/** Ships the rows. */
export async function openCombineSession(
  context: ExecutionContext,
  statement: BoundStatement,
  plan: CombinedStatement,
  { definition, transaction: needsTransaction = false }: CombineNeeds = {},
): Promise<CombineSession> {
  checkOutside(context, plan);
  const values = await bindValues(context, statement, plan.computed);
  const { transaction } = context;
  // What the transaction has changed, only its own connection knows; and so it is with temporary tables and views.
  const isOwn = transaction.isOpen || transaction.holdsTemporary || statement.expanded !== undefined;
  const shown = plan.takesParameters === false ? { ...statement, sql: queryAlone(statement.sql) } : statement;
  const known = isOwn || !hasTypes(statement) ? await context.inferShape(shown) : undefined;
  const parameters =
    known === undefined ? statement.parameters : { ...statement.parameters, types: known.parameterTypes };
  const ownTransaction = openSnapshot(context, plan);
  const chosen = plan.shipments.flatMap((shipment, index): ChosenShipment[] =>
    shipment.always || (transaction.isOpen && !ownTransaction) ? [{ index, shipment }] : [],
  );
  let shipping: Shipping | undefined;
  let finisher: Finisher | undefined;
  try {
    shipping = await Shipping.start(context, chosen, statement, values, parameters);
    finisher = await Finisher.open(context);
    if (needsTransaction) await finisher.begin();
    const shape = known ?? (await context.inferShape(shown, finisher.connection));
    if (definition !== undefined) await finisher.createTable(RESULT_NAME, { definition, primaryKey: [] });
    const receiver = new Receiver(finisher, plan, values, parameters, !needsTransaction);
    await receiver.receive(shipping.relations);
    await shipping.finish();
    const finished = receiver.statement();
    await checkKnown(context, finisher, finished);
    const shardsFree = freeing(ownTransaction ? transaction.commit() : undefined);
    const { connection } = finisher;
    const ended = finisher;
    return {
      connection,
      ...finished,
      rowDescription: shape.rowDescription,
      report: shipping.report,
      shardsFree,
      end: async () => {
        await (needsTransaction ? ended.endCleaned() : ended.end());
      },
    };
  } catch (error) {
    await shipping?.abort();
    await finisher?.end();
    if (ownTransaction && transaction.isOpen) await transaction.rollback();
    throw error;
  }
}

/** Another session finishes the statement: not where it would see something else than the transaction. */
function checkOutside({ transaction }: ExecutionContext, { readsOutside, callsUncommitted }: CombinedStatement): void {
  if (!transaction.isOpen) return;
  if (readsOutside === true) {
    throw refuse(
      'a function that reads tables, in a transaction and a statement that several shards cannot answer by themselves,',
      'Another session finishes it, which does not see what the transaction has written: run it by itself, as a plain SELECT.',
    );
  }
  if (callsUncommitted === true) {
    throw refuse(
      'a call of a function of the user in a statement that several shards cannot answer by themselves, after DDL in the same transaction',
      'Another session finishes it, which may know another function of the name: commit first, or run it as a plain SELECT.',
    );
  }
}

/** Refuses a statement over objects that the transaction has made, which another session does not know. */
async function checkKnown(
  { catalog, transaction }: ExecutionContext,
  finisher: Finisher,
  { sql, parameters }: { readonly sql: string; readonly parameters: BoundParameters },
): Promise<void> {
  if (!transaction.isOpen || !catalog.isUncommitted || (await finisher.accepts(sql, parameters.types))) return;
  throw refuse(
    'a statement over what its transaction has made, which several shards cannot answer by themselves,',
    'Another session finishes it: commit first, or run it as a plain SELECT.',
  );
}

function freeing(committed: Promise<unknown> = Promise.resolve()): Promise<void> {
  const free = committed.then(() => undefined);
  // Whoever waits for it hears of an error; nobody does when the statement has failed before.
  free.catch(() => undefined);
  return free;
}

/** Whether the client or an earlier look at the statement has given every parameter a type. */
function hasTypes({ parameters: { types, values } }: BoundStatement): boolean {
  return types.length >= values.length && types.every((type) => type !== 0);
}

/**
 * Outside a transaction one on each shard that keeps its snapshot makes several relations agree with each other. True: it
 * was opened here.
 */
export function openSnapshot(context: ExecutionContext, plan: CombinedStatement): boolean {
  const { transaction } = context;
  const several = plan.shipments.filter((shipment) => shipment.always).length > 1;
  if (transaction.isOpen || !(several || transaction.needsReading)) return false;
  transaction.begin('implicit', beginReadingOnly);
  return true;
}

/**
 * Whether PostgreSQL takes a plan's statement with array parameters in the place of relations. It does not where GROUP BY
 * relies on a primary key, or a whole row must be of a named type.
 */
const takesArrays = new WeakMap<CombinedStatement, boolean>();

/** Puts each relation where the statement finds it. */
export class Receiver {
  readonly #finisher: Finisher;
  readonly #plan: CombinedStatement;
  readonly #values: StatementValues;
  readonly #parameters: BoundParameters;
  readonly #mayUseArrays: boolean;
  /** What stands in the statement for a relation, by its shipment. */
  readonly #places = new Map<number, string>();
  readonly #arrays: Buffer[] = [];

  constructor(
    finisher: Finisher,
    plan: CombinedStatement,
    values: StatementValues,
    parameters: BoundParameters,
    mayUseArrays: boolean,
  ) {
    this.#mayUseArrays = mayUseArrays;
    this.#finisher = finisher;
    this.#plan = plan;
    this.#values = values;
    this.#parameters = parameters;
  }

  async receive(relations: readonly ShippedRows[]): Promise<void> {
    const arrays = await this.#arrayCandidates(relations);
    for (const relation of relations) {
      const held = arrays.has(relation) ? await holdFew(relation.rows) : undefined;
      if (held?.complete === true) this.#addArrays(relation, held.runs);
      else await this.#load(relation, held?.runs ?? []);
    }
  }

  /** The statement, with all that was received. */
  statement(): { readonly sql: string; readonly parameters: BoundParameters } {
    const { formats, values, types } = this.#parameters;
    const sql = this.#render(this.#places);
    if (this.#arrays.length === 0) return { sql, parameters: this.#parameters };
    return {
      sql,
      parameters: {
        formats: [...expandFormats(formats, values.length), ...this.#arrays.map(() => BINARY)],
        values: [...values, ...this.#arrays],
        types: [...types.slice(0, values.length), ...this.#arrays.map(() => 0)],
      },
    };
  }

  /** Relations that may travel as arrays, if they turn out to be small. */
  async #arrayCandidates(relations: readonly ShippedRows[]): Promise<ReadonlySet<ShippedRows>> {
    const candidates = new Set<ShippedRows>();
    if (!this.#mayUseArrays) return candidates;
    const places = new Map<number, string>();
    let next = this.#parameters.values.length + 1;
    for (const relation of relations) {
      if (!relation.binary || !fitsArrays(relation.shipment, next)) continue;
      candidates.add(relation);
      places.set(relation.index, arrayRelation(relation.shipment, next));
      next += relation.shipment.columns.length;
    }
    if (candidates.size === 0) return candidates;
    let accepted = this.#plan.takesParameters ?? takesArrays.get(this.#plan);
    if (accepted === undefined) {
      for (const { index, shipment } of relations) {
        if (places.has(index)) continue;
        await this.#finisher.createTable(tableName(index), shipment);
        places.set(index, `pg_temp.${tableName(index)}`);
      }
      accepted = await this.#finisher.accepts(this.#render(places), this.#types(next - 1));
      takesArrays.set(this.#plan, accepted);
    }
    return accepted ? candidates : new Set();
  }

  #addArrays({ index, shipment, report }: ShippedRows, runs: readonly RowRun[]): void {
    this.#places.set(index, arrayRelation(shipment, this.#parameters.values.length + this.#arrays.length + 1));
    this.#arrays.push(...encodeArrays(shipment, runs));
    report.carrier = 'array parameters';
  }

  async #load(relation: ShippedRows, held: readonly RowRun[]): Promise<void> {
    const name = tableName(relation.index);
    this.#places.set(relation.index, `pg_temp.${name}`);
    const rows = await this.#finisher.load(name, relation, preceded(held, relation.rows));
    if (rows > ANALYZED_ROWS) await this.#finisher.prepareForReading(name, relation.shipment, rows);
  }

  #render(places: ReadonlyMap<number, string>): string {
    return fill(this.#plan.sql, {
      ...noPieces,
      slotText: (slot) => this.#values.slotText(slot),
      computedText: (index) => this.#values.computedText(index),
      relationText: (index) => places.get(index) ?? this.#plan.shipments[index]?.relation ?? RESULT_TABLE,
    });
  }

  /** The client's parameter types, and the server's choice for those behind them. */
  #types(count: number): readonly number[] {
    const { types, values } = this.#parameters;
    const own = types.slice(0, values.length);
    return [...own, ...Array.from({ length: count - own.length }, () => 0)];
  }
}

export function tableName(shipment: number): string {
  return `pgring_shipped_${shipment}`;
}

/** Reads rows as long as they are few. `complete`: there are no more. */
export async function holdFew(
  rows: RowStream,
): Promise<{ readonly runs: readonly RowRun[]; readonly complete: boolean }> {
  const runs: RowRun[] = [];
  let count = 0;
  let bytes = 0;
  while (count <= ARRAY_ROWS && bytes <= ARRAY_BYTES) {
    const run = await rows.next();
    if (run === undefined) return { runs, complete: true };
    runs.push(run);
    count += run.rows;
    bytes += run.end - run.start;
  }
  return { runs, complete: false };
}

/** Rows that were read already, and those behind them. */
function preceded(held: readonly RowRun[], rows: RowStream): RowStream {
  const first = held.values();
  return {
    next: async () => first.next().value ?? (await rows.next()),
    stop: () => {
      rows.stop();
    },
  };
}
