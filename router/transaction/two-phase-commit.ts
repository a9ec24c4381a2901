/**
 * Commits one transaction on several shards: everywhere or nowhere. No coordinator: "all prepared" is the decision,
 * and the row in pgring.commit_log fences a participant against a recoverer's abort (DESIGN.md, "Transactions").
 */

import { randomBytes } from 'node:crypto';
import { PgError, sqlstate } from '../../base/errors.js';
import { faultPoint } from '../../base/fault-point.js';
import { quoteLiteral } from '../../catalog/schema.js';
import type { ShardId } from '../../catalog/topology.js';
import { runCommand } from '../backend/command.js';
import type { BackendConnection } from '../backend/connection.js';
import { formatGlobalId } from './global-id.js';

const GLOBAL_ID_BYTES = 12;
const UNIQUE_VIOLATION = '23505';

/** A shard on which the transaction is open. */
export interface Participant {
  readonly shard: ShardId;
  readonly connection: BackendConnection;
  wrote: boolean;
}

/** Finds out, and brings about, one outcome of a prepared transaction whose owner lost sight of a participant. */
export interface TransactionResolver {
  /** `unknown` when a participant cannot be reached; it goes on trying in the background. */
  resolve(globalId: string, database: string): Promise<'committed' | 'aborted' | 'unknown'>;
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
  const readers = participants.filter((participant) => !participant.wrote);
  const [first, ...others] = writers;
  try {
    if (others.length > 0) {
      const decider = writers.find((writer) => writer === unpreparable);
      await commitInTwoPhases(writers, decider, database, resolver);
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
  decider: Participant | undefined,
  database: string,
  resolver: TransactionResolver,
): Promise<void> {
  const globalId = formatGlobalId(
    randomBytes(GLOBAL_ID_BYTES).toString('hex'),
    writers.map((writer) => writer.shard),
  );
  const name = quoteLiteral(globalId);
  const record = `INSERT INTO pgring.commit_log (gid) VALUES (${name})`;
  const prepare = `${record}; PREPARE TRANSACTION ${name}`;
  const preparing = writers.filter((writer) => writer !== decider);
  const answers = await Promise.all(
    preparing.map(async (writer, index) => {
      if (index === 1) faultPoint('first prepare sent');
      const answer = await tell(writer, prepare);
      faultPoint('first prepared');
      return answer;
    }),
  );
  const refusal = answers.find((answer) => answer.kind === 'refused');
  const loss = answers.find((answer) => answer.kind === 'lost');
  if (refusal?.kind === 'refused') {
    await Promise.all(
      preparing.map(async (writer, index) => {
        const prepared = answers[index]?.kind === 'done';
        await tell(writer, prepared ? `ROLLBACK PREPARED ${name}` : 'ROLLBACK');
      }),
    );
    if (decider !== undefined) await tell(decider, 'ROLLBACK');
    if (loss !== undefined) await resolver.resolve(globalId, database);
    throw isFenced(refusal.error) ? fenced() : refusal.error;
  }
  if (loss?.kind === 'lost') {
    if (decider !== undefined) await tell(decider, 'ROLLBACK');
    const outcome = await resolver.resolve(globalId, database);
    if (outcome === 'committed') return;
    throw outcome === 'aborted' ? loss.error : unknownOutcome(loss.error);
  }
  faultPoint('all prepared');
  if (decider !== undefined) {
    const decision = await tell(decider, `${record}; COMMIT`);
    faultPoint('decided');
    if (decision.kind === 'refused') {
      await tell(decider, 'ROLLBACK');
      await Promise.all(preparing.map(async (writer) => await tell(writer, `ROLLBACK PREPARED ${name}`)));
      throw isFenced(decision.error) ? fenced() : decision.error;
    }
    if (decision.kind === 'lost') {
      const outcome = await resolver.resolve(globalId, database);
      if (outcome === 'committed') return;
      throw outcome === 'aborted' ? decision.error : unknownOutcome(decision.error);
    }
  }
  const outcomes = await Promise.all(
    preparing.map(async (writer, index) => {
      if (index === 1) faultPoint('first commit sent');
      const outcome = await tell(writer, `COMMIT PREPARED ${name}`);
      faultPoint('first committed');
      return outcome;
    }),
  );
  faultPoint('all committed');
  if (outcomes.some((outcome) => outcome.kind !== 'done')) await resolver.resolve(globalId, database);
}

async function tell(participant: Participant, sql: string): Promise<Answer> {
  try {
    await runCommand(participant.connection, sql);
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
