/** The relations that a statement ships, on their way from the shards: each shard is asked for all of its parts at once. */

import { present } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { mayHoldOids } from '../../catalog/oid-map.js';
import type { ShardId } from '../../catalog/topology.js';
import type { Shipment } from '../../planner/plan/plan.js';
import { concatenate } from '../merge/concatenate.js';
import type { RowRun, RowStream } from '../merge/stream.js';
import type { BoundParameters, BoundStatement, ExecutionContext } from './context.js';
import type { ExecutionReport, ShipmentReport } from './execution-report.js';
import { renderSql, routeStatement } from './route.js';
import { bindPortals, checkDescriptions, ShardPipeline, type PipelinedQuery } from './shard-pipeline.js';
import type { StatementValues } from './values.js';

const TEXT = 0;
const BINARY = 1;

/** A relation that is shipped, and its place among the plan's shipments. */
export interface ChosenShipment {
  readonly index: number;
  readonly shipment: Shipment;
}

/** The rows of one relation. */
export interface ShippedRows extends ChosenShipment {
  /** False: the rows come in text. */
  readonly binary: boolean;
  readonly rows: RowStream;
  readonly report: ShipmentReport;
}

export class Shipping {
  /** In the plan's order, and to be read in that order, each to its end. */
  readonly relations: readonly ShippedRows[];
  readonly report: ExecutionReport;
  readonly #pipelines: readonly ShardPipeline[];

  private constructor(relations: readonly ShippedRows[], pipelines: readonly ShardPipeline[]) {
    this.relations = relations;
    this.report = { shipments: relations.map(({ report }) => report) };
    this.#pipelines = pipelines;
  }

  /** Sends every query to every shard that it concerns, but to `except`. */
  static async start(
    context: ExecutionContext,
    chosen: readonly ChosenShipment[],
    statement: BoundStatement,
    values: StatementValues,
    parameters: BoundParameters,
    except?: ShardId,
  ): Promise<Shipping> {
    const routes: (readonly ShardId[])[] = [];
    for (const { shipment } of chosen) {
      const route = await routeStatement(context, shipment.routing, values);
      routes.push(route.filter((shard) => shard !== except));
    }
    const shards = [...new Set(routes.flat())];
    await Promise.all(
      shards.map(async (shard) => {
        if (context.backends.peek(shard) === undefined) await context.transaction.enter(shard, false);
      }),
    );
    const budget = new Budget(context);
    const parts = chosen.map(({ index, shipment }, place) => {
      const route = present(routes[place], 'a shipment has a route');
      const binary = travelsInBinary(context, shipment, route);
      const query = {
        sql: renderSql(shipment.sql, statement, values),
        parameters,
        resultFormats: [binary ? BINARY : TEXT],
      };
      const counts = route.map((shard) => ({ shard, rows: 0, bytes: 0 }));
      return { index, shipment, route, binary, query, counts };
    });
    const streams = new Map(parts.map((part) => [part, [] as RowStream[]]));
    const wanted = shards.map((shard) => {
      const own = parts.filter(({ route }) => route.includes(shard));
      const queries = own.map(({ query, counts, shipment }): PipelinedQuery => ({
        ...query,
        types: shipment.relation === undefined ? shipment.types.map(({ baseTypeOid }) => baseTypeOid) : undefined,
        counts: present(
          counts.find((count) => count.shard === shard),
          'every shard of the route is counted',
        ),
      }));
      return { shard, own, queries };
    });
    const bound = await bindAll(context, wanted);
    const pipelines: ShardPipeline[] = [];
    try {
      for (const outcome of await Promise.allSettled(
        wanted.map(async ({ shard, own, queries }, index) => {
          const entry = context.transaction.enterNow(shard, false) ?? {
            connection: await context.transaction.enter(shard, false),
            begin: undefined,
          };
          const onNotice = (frame: Buffer): void => {
            context.onNotice(frame);
          };
          const pipeline = new ShardPipeline(entry, queries, onNotice, bound[index]);
          pipelines.push(pipeline);
          for (const [place, part] of own.entries()) {
            streams.get(part)?.push(present(pipeline.streams[place], 'every query has a stream'));
          }
        }),
      )) {
        if (outcome.status === 'rejected') throw outcome.reason;
      }
    } catch (error) {
      await Promise.all(pipelines.map(async (pipeline) => await pipeline.abort()));
      throw error;
    }
    const relations = parts.map((part): ShippedRows => ({
      index: part.index,
      shipment: part.shipment,
      binary: part.binary,
      rows: budget.watch(concatenate(streams.get(part) ?? []), part.shipment),
      report: { shipment: part.index, carrier: 'temporary table', shards: part.counts },
    }));
    return new Shipping(relations, pipelines);
  }

  /** Once all relations have been read: the shards' connections are free again. */
  async finish(): Promise<void> {
    await Promise.all(this.#pipelines.map(async (pipeline) => await pipeline.finish()));
  }

  /** Gives up what is still on its way; never throws. */
  async abort(): Promise<void> {
    await Promise.all(this.#pipelines.map(async (pipeline) => await pipeline.abort()));
  }
}

/**
 * Where each statement of the transaction has its own snapshots: makes those of this one agree, and gives the portals
 * that were bound on each shard. Else empty.
 */
async function bindAll(
  context: ExecutionContext,
  wanted: readonly { readonly shard: ShardId; readonly queries: readonly PipelinedQuery[] }[],
): Promise<readonly (readonly string[])[]> {
  const { transaction } = context;
  if (wanted.length < 2 || !transaction.isOpen) return [];
  const connections = await Promise.all(wanted.map(async ({ shard }) => await transaction.enter(shard, false)));
  if (!transaction.bindsTogether) return [];
  const onNotice = (frame: Buffer): void => {
    context.onNotice(frame);
  };
  const readers = wanted.map(({ shard, queries }, index) => {
    const connection = present(connections[index], 'a connection for each shard');
    return { shard, connection, ...bindPortals(connection, queries), onNotice };
  });
  const descriptions = await transaction.bindTogether(readers);
  for (const [index, { queries }] of wanted.entries()) checkDescriptions(queries, descriptions[index] ?? []);
  return readers.map(({ portals }) => portals);
}

/**
 * In binary a regclass or the like is an oid, alone or inside an array or a composite value, and would be another thing
 * on the home shard; before PostgreSQL 14 a server also refuses arrays and composite values whose parts are of types
 * with other oids. So where oids differ, what may hold such travels as text.
 */
function travelsInBinary(context: ExecutionContext, shipment: Shipment, shards: readonly ShardId[]): boolean {
  const { backends } = context;
  if (shards.every((shard) => backends.peek(shard)?.oidMap() === undefined)) return true;
  return shipment.types.every(({ typeOid }) => !mayHoldOids(typeOid));
}

/** What one statement may ship, over all of its relations. */
class Budget {
  readonly #context: ExecutionContext;
  #bytes = 0;
  #rows = 0;

  constructor(context: ExecutionContext) {
    this.#context = context;
  }

  /** The same rows, until they are too many. */
  watch(rows: RowStream, shipment: Shipment): RowStream {
    return {
      next: async () => {
        const run = await rows.next();
        if (run !== undefined) this.#spend(run, shipment);
        return run;
      },
      stop: () => {
        rows.stop();
      },
    };
  }

  #spend(run: RowRun, shipment: Shipment): void {
    const { combineBytes, combineRows } = this.#context;
    this.#bytes += run.end - run.start;
    this.#rows += run.rows;
    if (this.#bytes > combineBytes) throw tooMuch(`${combineBytes} bytes of rows`, 'limits.combine_bytes', shipment);
    if (this.#rows > combineRows) throw tooMuch(`${combineRows} rows`, 'limits.combine_rows', shipment);
  }
}

function tooMuch(bound: string, setting: string, shipment: Shipment): PgError {
  return new PgError(
    sqlstate.programLimitExceeded,
    `the statement needs more than ${bound} on one server (while shipping ${shipment.relation ?? 'the result of a part of it'})`,
    { hint: `Restrict it by the shard key, or raise ${setting} in the configuration.` },
  );
}
