/**
 * Commits one transaction on several shards: everywhere or nowhere. No coordinator: "all prepared" is the decision,
 * and the row in pgring.commit_log fences a participant against a recoverer's abort (DESIGN.md, "Transactions").
 */

import { randomBytes } from 'node:crypto';
import { assert } from '../../base/assert.js';
import { PgError, sqlstate } from '../../base/errors.js';
import { faultPoint, type ParticipantPlace } from '../../base/fault-point.js';
import { quoteLiteral } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import {
  afterResolve,
  afterRound,
  beginCommit,
  type Order,
  type OwnerStep,
  type Resolution,
  type Round,
} from './commit-protocol.js';
import { formatGlobalId } from './global-id.js';

const GLOBAL_ID_BYTES = 12;
const UNIQUE_VIOLATION = '23505';
/** A shard on which the transaction is open. */
export interface Participant {
  readonly shard: ShardId;
  readonly connection: BackendConnection;
  wrote: boolean;
  /** It has given numbers of a sequence that writers store, and is to make sure of them before these commit. */
  took: boolean;
  /** Deferred triggers send notices when the transaction commits, or is prepared. */
  readonly onNotice?: (frame: Buffer) => void;
}

/** Finds out, and brings about, one outcome of a prepared transaction whose owner lost sight of a participant. */
export interface TransactionResolver {
  /** `unknown` when a participant cannot be reached; it goes on trying in the background. */
  resolve(globalId: string, database: string): Promise<Resolution>;
  /** So long all rows of a commit stay in the commit log. */
  readonly rowsKeptMs: number;
}

type Answer = { readonly kind: 'done' } | { readonly kind: 'refused' | 'lost'; readonly error: PgError };

/**
 * Commits on every participant. Throws the error that made it impossible, after rolling back everywhere. `unpreparable`:
 * the participant that may have used temporary objects; PostgreSQL does not prepare what did.
 */
export async function commitEverywhere(
  participants: readonly Participant[],
  database: string,
  resolver: TransactionResolver,
  unpreparable: Participant | undefined,
): Promise<void> {
  const writers = participants.filter((participant) => participant.wrote);
  const takers = participants.filter((participant) => participant.took && !participant.wrote);
  const readers = participants.filter((participant) => !participant.took && !participant.wrote);
  const [first, ...others] = writers;
  try {
    for (const taker of takers) await commitTaker(taker, writers);
    if (others.length > 0) {
      const decider = writers.findIndex((writer) => writer === unpreparable);
      await commitInTwoPhases(writers, decider < 0 ? undefined : decider, database, resolver);
    } else if (first !== undefined) await commitOne(first);
  } catch (error) {
    await rollbackEverywhere(readers);
    throw error;
  }
  await Promise.all(readers.map(async (reader) => await tell(reader, 'COMMIT')));
}

/** Rolls back on every participant; a lost connection has been rolled back by its server. */
export async function rollbackEverywhere(participants: readonly Participant[]): Promise<void> {
  await Promise.all(participants.map(async (participant) => await tell(participant, 'ROLLBACK')));
}

/** Nothing is stored yet: where that fails all is rolled back. */
async function commitTaker(taker: Participant, writers: readonly Participant[]): Promise<void> {
  const answer = await tell(taker, 'COMMIT');
  if (answer.kind === 'done') return;
  await rollbackEverywhere(writers);
  throw answer.error;
}

async function commitOne(writer: Participant): Promise<void> {
  const answer = await tell(writer, 'COMMIT');
  if (answer.kind === 'lost') throw unknownOutcome(answer.error);
  if (answer.kind === 'refused') throw answer.error;
}

/**
 * With a `decider`, which cannot be prepared, its own COMMIT is the decision: it comes when all others are prepared, and
 * its row in the commit log tells of it. A recoverer that finds neither row nor prepared transaction there inserts its
 * abort, so the decider cannot commit any more; it need not know that this participant is another than the rest.
 */
async function commitInTwoPhases(
  writers: readonly Participant[],
  decider: number | undefined,
  database: string,
  resolver: TransactionResolver,
): Promise<void> {
  const globalId = formatGlobalId(
    randomBytes(GLOBAL_ID_BYTES).toString('hex'),
    writers.map((writer) => writer.shard),
  );
  const startedAt = Date.now();
  const errors: { refusal?: PgError; loss?: PgError } = {};
  let step: OwnerStep = beginCommit(writers.length, decider);
  while (step.kind !== 'finished') {
    if (step.kind === 'resolve') {
      const resolution = await resolver.resolve(globalId, database);
      // Half of it, so that clocks may differ. The computer's clock, for it also counts while the computer sleeps.
      const late = Date.now() - startedAt > resolver.rowsKeptMs / 2;
      step = { kind: 'finished', answer: afterResolve(step.answer, resolution, late) };
      continue;
    }
    const answers = await tellRound(writers, step, globalId);
    const { phase } = step;
    for (const answer of phase === 'prepare' || phase === 'decide' ? answers : []) {
      if (answer?.kind === 'refused') errors.refusal ??= answer.error;
      if (answer?.kind === 'lost') errors.loss ??= answer.error;
    }
    step = afterRound(
      step,
      answers.map((answer) => answer?.kind),
      decider,
    );
    if (phase === 'prepare' && step.kind === 'round' && step.phase !== 'roll back') faultPoint('all prepared');
    if (phase === 'commit') faultPoint('all committed');
  }
  if (step.answer === 'committed') return;
  const error = errors.refusal ?? errors.loss;
  assert(error !== undefined, 'a commit failed without an error');
  if (step.answer === 'unknown') throw unknownOutcome(error);
  throw isFenced(error) ? fenced() : error;
}

/** Gives each participant its order, all at once. */
async function tellRound(
  writers: readonly Participant[],
  { phase, orders }: Round,
  globalId: string,
): Promise<readonly (Answer | undefined)[]> {
  const [before, sent, done] = faultPlaces[phase];
  return await Promise.all(
    writers.map(async (writer, index) => {
      const order = orders[index];
      if (order === undefined) return undefined;
      faultPoint(before, writer.connection);
      const telling = tell(writer, orderSql(order, quoteLiteral(globalId)));
      faultPoint(sent, writer.connection);
      const answer = await telling;
      faultPoint(done, writer.connection);
      return answer;
    }),
  );
}

/** Where a test may have the owner die: before an order is sent, when it was sent, when it is answered. */
const faultPlaces: Readonly<Record<Round['phase'], readonly [ParticipantPlace, ParticipantPlace, ParticipantPlace]>> = {
  prepare: ['before prepare', 'prepare sent', 'prepared'],
  decide: ['before decision', 'decision sent', 'decided'],
  commit: ['before commit', 'commit sent', 'committed'],
  'roll back': ['before roll back', 'roll back sent', 'rolled back'],
};

function orderSql(order: Exclude<Order, undefined>, name: string): string {
  const record = `INSERT INTO pgring.commit_log (gid) VALUES (${name})`;
  switch (order) {
    case 'record and prepare':
      return `${record}; PREPARE TRANSACTION ${name}`;
    case 'record and commit':
      return `${record}; COMMIT`;
    case 'commit prepared':
      return `COMMIT PREPARED ${name}`;
    case 'rollback':
      return 'ROLLBACK';
    case 'rollback prepared':
      return `ROLLBACK PREPARED ${name}`;
  }
}

async function tell(participant: Participant, sql: string): Promise<Answer> {
  try {
    await runCommand(participant.connection, sql, participant.onNotice);
    return { kind: 'done' };
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return { kind: participant.connection.closed ? 'lost' : 'refused', error };
  }
}

/** A recoverer was there first: the row that the participant was to insert is its abort. */
function isFenced(error: PgError): boolean {
  return error.sqlstate === UNIQUE_VIOLATION && error.fields.schema === 'pgring' && error.fields.table === 'commit_log';
}

function fenced(): PgError {
  return new PgError(sqlstate.transactionRollback, 'the transaction was rolled back: its COMMIT took too long', {
    detail: 'Another pgring took the owner of the transaction for dead and ended it.',
    hint: 'Repeat the transaction.',
  });
}

function unknownOutcome(error: PgError): PgError {
  return new PgError(
    sqlstate.transactionResolutionUnknown,
    'the connection to a shard was lost during COMMIT: whether the transaction committed is not known',
    { detail: error.message, hint: 'Look at the rows before you repeat the transaction.' },
  );
}
