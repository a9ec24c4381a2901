/**
 * The extended query protocol. Messages are gathered up to Sync (or Flush): one server answers only then, too. When a
 * whole pipeline belongs to one shard it is written there as it came; otherwise its messages are carried out one by
 * one (pipeline.ts), as one implicit transaction.
 */

import { PgError } from '../base/errors.js';
import type { ShardId } from '../catalog/topology.js';
import { frontendType } from '../wire/frame.js';
import { readBind, readDescribe, readExecute, readParse } from '../wire/frontend.js';
import type { BackendConnection } from '../router/backend/connection.js';
import type { ExpectedParse } from '../router/backend/relay.js';
import { canRelay, locateNow } from '../router/execute/locate-now.js';
import { StatementValues } from '../router/execute/values.js';
import type { Plan } from '../planner/plan/plan.js';
import { definitionOf } from './definition-of.js';
import { Pipeline } from './pipeline.js';
import { planPrepared } from './plan-prepared.js';
import { parsedStatement, type PreparedStatement } from './prepared.js';
import { Pieces, StatementProvider } from './statement-provider.js';
import type { SessionScope } from './session-scope.js';
import type { RelayTarget } from './simple-query.js';

export interface PipelineRelay {
  readonly connection: BackendConnection;
  readonly pieces: readonly Buffer[];
  readonly skipReady: number;
  readonly expectedParses: ExpectedParse[];
  /** Statements that the pipeline makes known. */
  readonly statements: readonly PreparedStatement[];
  /** Parse messages at its beginning that need no server. */
  readonly answered: number;
  /** The client's names of statements that servers know by others. */
  readonly names: ReadonlyMap<string, string>;
}

/** Of a relay in which no statement is prepared. */
export const plainRelay = { statements: [], answered: 0, names: new Map<string, string>() } as const;

export class ExtendedQuery {
  readonly #scope: SessionScope;
  readonly #pipeline: Pipeline;
  readonly #gatheredBytes: number;
  #frames: Buffer[] = [];
  #bytes = 0;

  /** A client that sends more than `gatheredBytes` without Sync gets its answers as if it had asked by Flush. */
  constructor(scope: SessionScope, gatheredBytes: number) {
    this.#scope = scope;
    this.#pipeline = new Pipeline(scope);
    this.#gatheredBytes = gatheredBytes;
  }

  /** True for a message that is discarded because an earlier one of its pipeline failed. */
  skips(frame: Buffer): boolean {
    return this.#pipeline.failed && frame[0] !== frontendType.sync && frame[0] !== frontendType.terminate;
  }

  /** Messages were gathered and not carried out. */
  get waiting(): boolean {
    return this.#frames.length > 0;
  }

  /** Gathers a message. True: so much was gathered that it must be carried out now. */
  add(frame: Buffer): boolean {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    return this.#bytes > this.#gatheredBytes;
  }

  /** Carries out what was gathered; with `sync` the pipeline ends. */
  async process(end: 'flush' | 'sync'): Promise<void> {
    await this.#pipeline.process(this.#take(), end);
  }

  /** Ends what was gathered with an error, without carrying it out. */
  async refuse(error: unknown): Promise<void> {
    this.#take();
    await this.#pipeline.refuse(error);
  }

  /** Where the gathered pipeline can be written to as it is; undefined when it must be carried out step by step. */
  findRelay(sync: Buffer): RelayTarget<PipelineRelay> | undefined {
    if (this.#pipeline.open || this.#frames.length === 0 || this.#scope.transaction.isFailed) return undefined;
    let plan: RelayPlan | undefined;
    try {
      plan = this.#planRelay();
    } catch (error) {
      // Carried out step by step, the message that is wrong is found again and told in its turn.
      if (error instanceof PgError) return undefined;
      throw error;
    }
    if (plan === undefined) return undefined;
    const { transaction } = this.#scope;
    const entry = transaction.enterNow(plan.shard, plan.wrote);
    if (entry === undefined) {
      return transaction.lacksConnection(plan.shard) ? { kind: 'wait', shard: plan.shard } : undefined;
    }
    for (const each of plan.plans) this.#scope.pins.note(each);
    const relay = this.#buildRelay(plan, entry.connection, sync);
    this.#take();
    if (entry.begin === undefined) return { kind: 'ready', entry: relay };
    return { kind: 'ready', entry: { ...relay, pieces: [entry.begin, ...relay.pieces], skipReady: 1 } };
  }

  #take(): Buffer[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }

  /** Finds the one shard of all messages, without changing anything. */
  #planRelay(): RelayPlan | undefined {
    const scope = this.#scope;
    const parsed = new Map<string, PreparedStatement>();
    const portals = new Set<string>();
    const plans: Plan[] = [];
    let shard: ShardId | undefined;
    let wrote = false;
    const agree = (other: ShardId): boolean => {
      shard ??= other;
      return shard === other;
    };
    for (const frame of this.#frames) {
      switch (frame[0]) {
        case frontendType.parse: {
          const parse = readParse(frame);
          if (parse.name !== '' && (parsed.has(parse.name) || scope.prepared.has(parse.name))) return undefined;
          parsed.set(parse.name, parsedStatement(parse, frame));
          break;
        }
        case frontendType.bind: {
          const bind = readBind(frame);
          const statement = parsed.get(bind.statement) ?? scope.prepared.get(bind.statement);
          const { plan, sql, slots, expanded } = planPrepared(scope, statement);
          if (!canRelay(plan) || !isDefined(scope, statement)) return undefined;
          if (bind.portal !== '' && scope.portals.find(bind.portal) !== undefined) return undefined;
          const values = new StatementValues({
            sql,
            slots,
            expanded,
            parameters: { formats: bind.parameterFormats, values: bind.parameters, types: statement.parameterTypes },
            resultFormats: bind.resultFormats,
            describe: false,
          });
          const located = locateNow(scope, plan.routing, values);
          if (located === undefined || !agree(located)) return undefined;
          wrote ||= plan.access === 'write';
          plans.push(plan);
          portals.add(bind.portal);
          break;
        }
        case frontendType.describe: {
          const { target, name } = readDescribe(frame);
          if (target === 'statement') {
            const statement = parsed.get(name) ?? scope.prepared.get(name);
            if (!isKnownToServers(planPrepared(scope, statement).plan.kind)) return undefined;
            if (!isDefined(scope, statement)) return undefined;
          } else if (!portals.has(name)) return undefined;
          break;
        }
        case frontendType.execute: {
          const { portal } = readExecute(frame);
          if (portals.has(portal)) break;
          const known = scope.portals.find(portal);
          if (known?.kind !== 'server' || !agree(known.shard)) return undefined;
          break;
        }
        default:
          return undefined;
      }
    }
    // The one that is too much is told so in its turn.
    if (!scope.prepared.hasRoomFor([...parsed.values()])) return undefined;
    for (const statement of parsed.values()) {
      if (!isKnownToServers(planPrepared(scope, statement).plan.kind)) return undefined;
    }
    return { shard: shard ?? scope.topology.home, wrote, plans, parsed, portals };
  }

  /** The bytes to write: the client's own, with a Parse before what refers to a statement this server lacks. */
  #buildRelay(plan: RelayPlan, connection: BackendConnection, sync: Buffer): PipelineRelay {
    const scope = this.#scope;
    const pieces = new Pieces();
    const provider = new StatementProvider(scope, connection, pieces);
    const statements = [...plan.parsed.values()];
    for (const frame of this.#frames) {
      switch (frame[0]) {
        case frontendType.parse: {
          const statement = plan.parsed.get(readParse(frame).name);
          if (statement === undefined) break;
          scope.prepared.replace(statement);
          provider.parse(statement, frame);
          break;
        }
        case frontendType.bind: {
          const bind = readBind(frame);
          const statement = scope.prepared.get(bind.statement);
          provider.bind(statement, frame);
          scope.activity.begin(statement.sql, scope.status);
          scope.portals.rebind(bind.portal, {
            kind: 'server',
            shard: plan.shard,
            savepoint: scope.transaction.newestSavepoint,
            madeAt: new Date(),
            declared: undefined,
          });
          break;
        }
        case frontendType.describe: {
          const { target, name } = readDescribe(frame);
          if (target === 'statement') provider.describe(scope.prepared.get(name), frame);
          else pieces.add(frame);
          break;
        }
        default:
          pieces.add(frame);
      }
    }
    pieces.add(sync);
    const { answered, expectedParses, names } = provider;
    return { connection, pieces: pieces.list, skipReady: 0, expectedParses, statements, answered, names };
  }
}

interface RelayPlan {
  readonly shard: ShardId;
  readonly wrote: boolean;
  readonly plans: readonly Plan[];
  readonly parsed: ReadonlyMap<string, PreparedStatement>;
  readonly portals: ReadonlySet<string>;
}

/** Whether servers may be asked for it as for what the client has prepared. */
function isDefined(scope: SessionScope, statement: PreparedStatement): boolean {
  return statement.name === '' || definitionOf(scope, statement) !== undefined;
}

/** Statements that a server can parse and describe as the client wrote them. */
function isKnownToServers(kind: string): boolean {
  return kind === 'pass' || kind === 'scatter' || kind === 'insert' || kind === 'modify';
}
