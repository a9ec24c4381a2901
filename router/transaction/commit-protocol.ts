/**
 * The decisions of the two-phase commit, without any I/O: what its owner does after each round of answers, what a
 * recoverer concludes from what the participants know, and which rows of the commit log nobody needs any more.
 * two-phase-commit.ts and recovery.ts carry them out; tests/router/transaction/commit-model.ts explores all their orders.
 */

/** What is said to a participant. `record and …`: after its row in the commit log, in the same message. */
export type Order =
  'record and prepare' | 'record and commit' | 'commit prepared' | 'rollback' | 'rollback prepared' | undefined;

/** `lost`: the connection is gone; whether the participant has done it is not known. */
export type Reply = 'done' | 'refused' | 'lost';

/** How a prepared transaction ended, as the participants tell; `unknown` when one of them could not be asked. */
export type Resolution = 'committed' | 'aborted' | 'unknown';

/** What the client is told. */
export type ClientAnswer = 'committed' | 'rolled back' | 'unknown';

/** The owner tells all participants something at once; one without an order is told nothing. */
export interface Round {
  readonly kind: 'round';
  readonly phase: 'prepare' | 'decide' | 'commit' | 'roll back';
  readonly orders: readonly Order[];
  /** In phase `roll back`: what comes after it. */
  readonly next: Exclude<OwnerStep, Round> | undefined;
}

export type OwnerStep =
  | Round
  /** To ask the participants; `answer`: what the client is told in any case, if that is known already. */
  | { readonly kind: 'resolve'; readonly answer: ClientAnswer | undefined }
  | { readonly kind: 'finished'; readonly answer: ClientAnswer };

/** The commit's first step. The decider is the participant that cannot be prepared. */
export function beginCommit(participants: number, decider: number | undefined): Round {
  const orders = Array.from({ length: participants }, (_unused, index): Order => {
    return index === decider ? undefined : 'record and prepare';
  });
  return { kind: 'round', phase: 'prepare', orders, next: undefined };
}

/** The step after a round, when every participant that was told something has replied or is lost. */
export function afterRound(
  round: Round,
  replies: readonly (Reply | undefined)[],
  decider: number | undefined,
): OwnerStep {
  const refused = replies.includes('refused');
  const lost = replies.includes('lost');
  switch (round.phase) {
    case 'prepare':
      if (refused) {
        const orders = replies.map((reply): Order => (reply === 'done' ? 'rollback prepared' : 'rollback'));
        return rollBack(orders, lost ? resolveAs('rolled back') : finished('rolled back'));
      }
      if (lost) {
        if (decider === undefined) return resolveAs(undefined);
        const orders = replies.map((_reply, index): Order => (index === decider ? 'rollback' : undefined));
        return rollBack(orders, resolveAs(undefined));
      }
      if (decider === undefined) return commitPrepared(replies.length, decider);
      return {
        kind: 'round',
        phase: 'decide',
        orders: replies.map((_reply, index): Order => (index === decider ? 'record and commit' : undefined)),
        next: undefined,
      };
    case 'decide':
      if (refused) {
        const orders = replies.map((_reply, index): Order => (index === decider ? 'rollback' : 'rollback prepared'));
        return rollBack(orders, finished('rolled back'));
      }
      return lost ? resolveAs(undefined) : commitPrepared(replies.length, decider);
    case 'commit':
      return refused || lost ? resolveAs('committed') : finished('committed');
    case 'roll back':
      return round.next ?? finished('rolled back');
  }
}

/**
 * `late`: so long after the beginning that rows of the transaction may have been removed from the commit log. A
 * recoverer that finds nothing then would take a transaction that is finished for one that never began.
 */
export function afterResolve(known: ClientAnswer | undefined, resolution: Resolution, late: boolean): ClientAnswer {
  if (known !== undefined) return known;
  if (resolution === 'committed') return 'committed';
  return resolution === 'aborted' && !late ? 'rolled back' : 'unknown';
}

/** What one participant knows of a transaction. */
export interface Sight {
  readonly logged: 'commit' | 'abort' | undefined;
  readonly prepared: boolean;
}

/** `fence`: that participant, by its place, must be kept from preparing or committing before anything is certain. */
export type Verdict =
  | { readonly kind: 'committed' }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'fence'; readonly participant: number };

/**
 * A visible row anywhere, or everybody prepared, decides; else the first that is not prepared is to be fenced by an
 * abort row of its own. The participants need not have been asked at the same moment.
 */
export function judge(sights: readonly Sight[]): Verdict {
  if (sights.some(({ logged }) => logged === 'commit')) return { kind: 'committed' };
  if (sights.some(({ logged }) => logged === 'abort')) return { kind: 'aborted' };
  const participant = sights.findIndex(({ prepared }) => !prepared);
  return participant < 0 ? { kind: 'committed' } : { kind: 'fence', participant };
}

/**
 * Nobody needs the rows of a committed transaction any more: no participant has it prepared. `undefined`: one that could
 * not be asked. Only for rows that were visible before the first of them was asked; by then all had been prepared.
 */
export function isOver(prepared: readonly (boolean | undefined)[]): boolean {
  return prepared.every((each) => each === false);
}

function commitPrepared(participants: number, decider: number | undefined): Round {
  const orders = Array.from({ length: participants }, (_unused, index): Order => {
    return index === decider ? undefined : 'commit prepared';
  });
  return { kind: 'round', phase: 'commit', orders, next: undefined };
}

function rollBack(orders: readonly Order[], next: Exclude<OwnerStep, Round>): Round {
  return { kind: 'round', phase: 'roll back', orders, next };
}

function resolveAs(answer: ClientAnswer | undefined): OwnerStep & { readonly kind: 'resolve' } {
  return { kind: 'resolve', answer };
}

function finished(answer: ClientAnswer): OwnerStep & { readonly kind: 'finished' } {
  return { kind: 'finished', answer };
}
