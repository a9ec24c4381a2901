/**
 * Which server connections a session keeps, and why. The planner says what a statement may leave behind; when the
 * transaction is over, the server is asked whether it did, and nobody is asked when no statement could.
 */

import { PgError } from '../base/errors.js';
import { quoteLiteral } from '../catalog/schema.js';
import type { ShardId } from '../catalog/topology.js';
import type { Plan } from '../planner/plan/plan.js';
import type { SessionTrace } from '../planner/postgres/session-trace.js';
import { queryRows } from '../router/backend/command.js';
import type { BackendConnection } from '../router/backend/connection.js';
import type { PinReason } from '../router/transaction/pins.js';
import type { SessionBackends } from '../router/transaction/session-backends.js';
import type { SessionTransaction } from '../router/transaction/session-transaction.js';

/** What a server can be asked for. */
const asked: readonly (readonly [PinReason, string])[] = [
  [
    'advisory locks',
    "EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())",
  ],
  ['LISTEN', 'EXISTS (SELECT FROM pg_catalog.pg_listening_channels())'],
  ['cursors WITH HOLD', 'EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)'],
  ['prepared statements', 'EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql)'],
  ['temporary objects', 'EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())'],
];

const question = `SELECT ${asked.map(([, sql], index) => `${sql} AS r${index}`).join(', ')}`;

/** What it leaves is not found by asking. */
const untold: Readonly<Partial<Record<SessionTrace, PinReason>>> = {
  'random seed': 'random seed',
  idle_session_timeout: 'idle_session_timeout',
  unknown: 'unknown function',
};

interface SessionPinsOptions {
  readonly backends: SessionBackends;
  readonly transaction: SessionTransaction;
  readonly home: () => ShardId;
  /** The session has temporary objects. */
  readonly holdsTemporary: () => boolean;
  /** Databases and roles of sessions that have asked for numbers which they had taken, in another transaction perhaps. */
  readonly readers: Set<string>;
  readonly role: string;
  /** Settings with a prefix that functions name in their code. */
  readonly namedSettings: () => ReadonlySet<string>;
  /** Any setting may be another now. */
  readonly onSettings: () => Promise<void>;
}

export class SessionPins {
  readonly #options: SessionPinsOptions;
  readonly #traces = new Set<SessionTrace>();
  #hadTemporary = false;

  constructor(options: SessionPinsOptions) {
    this.#options = options;
  }

  /** A statement that is about to run, or has run, may leave that. */
  note({ leaves }: Plan): void {
    for (const trace of leaves ?? []) this.#traces.add(trace);
  }

  /** Looks what was left on the connections, once no transaction is open. Never throws. */
  async settle(): Promise<void> {
    const { backends, transaction, home, holdsTemporary } = this.#options;
    if (transaction.isOpen || backends.keepsAll) return;
    const hasTemporary = holdsTemporary();
    if (hasTemporary || this.#hadTemporary) {
      const connection = backends.peek(home());
      if (connection !== undefined) setPin(backends, connection, 'temporary objects', hasTemporary);
      this.#hadTemporary = hasTemporary;
    }
    this.#settleNumbers();
    if (this.#traces.size === 0) return;
    const traces = [...this.#traces];
    this.#traces.clear();
    await Promise.all([...backends.open].map(async ([, connection]) => await this.#look(connection, traces)));
  }

  /** What can be told without asking: a relayed statement has taken numbers. */
  release(): void {
    this.#settleNumbers();
    this.#options.backends.releaseIdle();
  }

  /** `shard: reason, reason; …` */
  describe(nameOf: (shard: ShardId) => string): string {
    return this.#options.backends.pins.map(([shard, reasons]) => `${nameOf(shard)}: ${reasons.join(', ')}`).join('; ');
  }

  #settleNumbers(): void {
    const { backends, home, readers, role } = this.#options;
    const [reads, takes] = [this.#traces.delete('reads numbers'), this.#traces.delete('takes numbers')];
    if (!reads && !takes) return;
    if (reads) readers.add(role);
    if (takes) backends.noteNumbers(home());
    const connection = backends.peek(home());
    if (connection?.numbersOf === backends && readers.has(role)) backends.pin(connection, 'sequence values');
  }

  /** Settings that a function has made hold on the session's other connections too. */
  async #readSettings(connection: BackendConnection): Promise<void> {
    const { backends, namedSettings, onSettings } = this.#options;
    const names = [...namedSettings()].map(quoteLiteral).join(', ');
    const rows = await queryRows(
      connection,
      `SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session'
       UNION ALL SELECT name, setting FROM (SELECT name, pg_catalog.current_setting(name, true) AS setting
         FROM pg_catalog.unnest(ARRAY[${names}]::text[]) AS name) AS named WHERE setting <> ''`,
    );
    for (const { name, setting } of rows) {
      if (name === undefined || name === null) continue;
      backends.settings.noteName(name);
      const sql = `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(setting ?? '')}, false)`;
      backends.settings.record({ name, sql, effect: 'set' });
    }
    backends.noteApplied(connection);
    await onSettings();
  }

  async #look(connection: BackendConnection, traces: readonly SessionTrace[]): Promise<void> {
    const { backends } = this.#options;
    for (const trace of traces) {
      const reason = untold[trace];
      if (reason !== undefined) backends.pin(connection, reason);
    }
    try {
      if (traces.includes('unknown')) await this.#readSettings(connection);
      const [row] = await queryRows(connection, question);
      for (const [index, [reason]] of asked.entries()) {
        if (reason === 'temporary objects' && this.#hadTemporary) continue;
        setPin(backends, connection, reason, row?.[`r${index}`] === 't');
      }
    } catch (error) {
      if (!(error instanceof PgError)) throw error;
      backends.pin(connection, 'unknown function');
    }
  }
}

function setPin(backends: SessionBackends, connection: BackendConnection, reason: PinReason, isSet: boolean): void {
  if (isSet) backends.pin(connection, reason);
  else backends.unpin(connection, reason);
}
