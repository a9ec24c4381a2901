/** Plays one permutation on a server or on pgring, as isolationtester.c does, and writes down what each step gave. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, QueryArrayResult } from 'pg';
import type { PlannedStep, Spec } from './spec.js';

/** One PostgreSQL, or pgring before several. */
export interface Side {
  connect(database: string, applicationName: string): Promise<Client>;
  /** A statement of the session waits for a lock on some server. */
  isWaiting(applicationName: string): Promise<boolean>;
}

export type Event =
  | { readonly kind: 'waiting'; readonly step: string }
  | { readonly kind: 'hangs'; readonly step: string }
  | {
      readonly kind: 'ended';
      readonly step: string;
      /** It had been waiting. */
      readonly late: boolean;
      readonly lines: readonly string[];
      readonly sqlstate: string | undefined;
    };

/** Where it could not even begin. */
export interface Unplayable {
  readonly kind: 'unplayable';
  readonly sqlstate: string | undefined;
  readonly message: string;
}

const LOOK_MS = 15;
/** Locks that two-phase commit takes for a moment are no waiting. */
const LOOKS = 3;
const HANG_MS = 12_000;

interface Outcome {
  readonly lines: readonly string[];
  readonly sqlstate: string | undefined;
}

interface Active {
  readonly planned: PlannedStep;
  outcome: Outcome | undefined;
  /** Notices of each session when the step was launched. */
  readonly noticesBefore: ReadonlyMap<string, number>;
}

interface Connected {
  readonly client: Client;
  readonly applicationName: string;
  readonly notices: string[];
  count: number;
}

class Hangs extends Error {}

export class Player {
  readonly #side: Side;
  readonly #spec: Spec;
  readonly #database: string;
  readonly #sessions = new Map<string, Connected>();
  #control: Client | undefined;

  constructor(side: Side, spec: Spec, database: string) {
    this.#side = side;
    this.#spec = spec;
    this.#database = database;
  }

  async close(): Promise<void> {
    const clients = [...this.#sessions.values()].map(({ client }) => client);
    await Promise.all([...clients, this.#control].map(async (client) => await client?.end().catch(() => undefined)));
    this.#sessions.clear();
    this.#control = undefined;
  }

  async play(permutation: readonly PlannedStep[]): Promise<readonly Event[] | Unplayable> {
    try {
      await this.#setUp();
    } catch (error) {
      await this.#tearDown();
      return { kind: 'unplayable', sqlstate: sqlstateOf(error), message: messageOf(error) };
    }
    const events: Event[] = [];
    try {
      await this.#run(permutation, events);
    } catch (error) {
      if (!(error instanceof Hangs)) throw error;
      events.push({ kind: 'hangs', step: error.message });
      await this.close();
    }
    await this.#tearDown();
    return events;
  }

  async #setUp(): Promise<void> {
    this.#control ??= await this.#side.connect(this.#database, 'isolation/control');
    for (const sql of this.#spec.setups) await this.#control.query(sql);
    for (const { name, setup } of this.#spec.sessions) {
      const session = this.#sessions.get(name) ?? (await this.#connect(name));
      if (setup !== undefined) await session.client.query(setup);
      session.notices.length = 0;
      session.count = 0;
    }
  }

  async #connect(name: string): Promise<Connected> {
    const applicationName = `isolation/${name}`;
    const client = await this.#side.connect(this.#database, applicationName);
    const session: Connected = { client, applicationName, notices: [], count: 0 };
    client.on('notice', ({ message, severity }) => {
      session.count += 1;
      session.notices.push(`${name}: ${severity ?? ''}:  ${message ?? ''}`);
    });
    this.#sessions.set(name, session);
    return session;
  }

  async #tearDown(): Promise<void> {
    for (const { name, teardown } of this.#spec.sessions) {
      const client = this.#sessions.get(name)?.client;
      if (teardown !== undefined) await client?.query(teardown).catch(() => undefined);
      await client?.query('ROLLBACK').catch(() => undefined);
    }
    this.#control ??= await this.#side.connect(this.#database, 'isolation/control');
    if (this.#spec.teardown !== undefined) await this.#control.query(this.#spec.teardown).catch(() => undefined);
  }

  async #run(permutation: readonly PlannedStep[], events: Event[]): Promise<void> {
    const waiting: Active[] = [];
    for (const planned of permutation) {
      const busy = (): boolean => waiting.some((active) => active.planned.step.session === planned.step.session);
      const deadline = performance.now() + HANG_MS;
      while (busy()) {
        await this.#completeSome(waiting, events, false);
        if (performance.now() > deadline) throw new Hangs(planned.step.name);
        await sleep(LOOK_MS);
      }
      const active = this.#launch(planned);
      const reportsAtOnce = planned.markers.some(({ kind }) => kind === 'once');
      const isDone = !reportsAtOnce && (await this.#untilDoneOrBlocked(active)) && !this.#isHeld(active, waiting);
      if (isDone) this.#report(active, false, events);
      else events.push({ kind: 'waiting', step: planned.step.name });
      await this.#completeSome(waiting, events, true);
      if (!isDone) waiting.push(active);
    }
    const deadline = performance.now() + HANG_MS;
    while (waiting.length > 0) {
      await this.#completeSome(waiting, events, false);
      if (performance.now() > deadline) throw new Hangs(waiting[0]?.planned.step.name ?? '');
      await sleep(LOOK_MS);
    }
  }

  #launch(planned: PlannedStep): Active {
    const { session, sql } = planned.step;
    const noticesBefore = new Map([...this.#sessions].map(([name, { count }]) => [name, count]));
    const active: Active = { planned, outcome: undefined, noticesBefore };
    this.#session(session)
      .client.query({ text: sql, rowMode: 'array' })
      .then(
        (results: QueryArrayResult | QueryArrayResult[]) => {
          active.outcome = { lines: [results].flat().flatMap((result) => linesOf(result, sql)), sqlstate: undefined };
        },
        (error: unknown) => {
          active.outcome = { lines: [`ERROR:  ${messageOf(error)}`], sqlstate: sqlstateOf(error) };
        },
      );
    return active;
  }

  /** True: done; false: it waits for a lock. */
  async #untilDoneOrBlocked(active: Active): Promise<boolean> {
    const { applicationName } = this.#session(active.planned.step.session);
    const deadline = performance.now() + HANG_MS;
    for (let looks = 0; looks < LOOKS;) {
      await sleep(LOOK_MS);
      if (active.outcome !== undefined) return true;
      looks = (await this.#side.isWaiting(applicationName)) ? looks + 1 : 0;
      if (performance.now() > deadline) throw new Hangs(active.planned.step.name);
    }
    return active.outcome !== undefined;
  }

  /** Reports the steps that have completed, until there is none more. `settles`: waits until each waits for a lock. */
  async #completeSome(waiting: Active[], events: Event[], settles: boolean): Promise<void> {
    for (let progress = true; progress;) {
      progress = false;
      for (const active of waiting.slice()) {
        if (settles && active.outcome === undefined) await this.#untilDoneOrBlocked(active);
        const others = waiting.filter((other) => other !== active);
        if (active.outcome === undefined || this.#isHeld(active, others)) continue;
        this.#report(active, true, events);
        waiting.splice(waiting.indexOf(active), 1);
        progress = true;
      }
    }
  }

  #isHeld({ planned, noticesBefore }: Active, others: readonly Active[]): boolean {
    return planned.markers.some((marker) => {
      if (marker.kind === 'once') return false;
      if (marker.kind === 'step') return others.some((other) => other.planned.step.name === marker.step);
      const session =
        this.#spec.sessions.find(({ steps }) => steps.some(({ name }) => name === marker.step))?.name ?? '';
      return (this.#sessions.get(session)?.count ?? 0) - (noticesBefore.get(session) ?? 0) < marker.count;
    });
  }

  #report(active: Active, late: boolean, events: Event[]): void {
    const { step } = active.planned;
    const { notices } = this.#session(step.session);
    const lines = [...notices.splice(0), ...(active.outcome?.lines ?? [])];
    events.push({ kind: 'ended', late, step: step.name, lines, sqlstate: active.outcome?.sqlstate });
  }

  #session(name: string): Connected {
    const session = this.#sessions.get(name);
    if (session === undefined) throw new Error(`no session ${name}`);
    return session;
  }
}

/** Rows come in any order where the statement does not say one. */
function linesOf({ fields, rows }: QueryArrayResult, sql: string): readonly string[] {
  if (fields.length === 0) return [];
  const lines = rows.map((row: readonly (string | null)[]) => row.map((value) => value ?? '').join('|'));
  return [
    fields.map(({ name }) => name).join('|'),
    ...(/order\s+by/i.test(sql) ? lines : lines.toSorted()),
    `(${rows.length} rows)`,
  ];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sqlstateOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}
