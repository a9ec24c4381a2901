/** What pg_stat_activity tells of a client's session. */

import type { Socket } from 'node:net';
import type { TransactionStatus } from '../wire/backend.js';
import type { ClientOrigin } from './authentication/rules.js';

interface DescribedSession {
  readonly database: string;
  readonly user: string;
  readonly status: TransactionStatus;
  readonly parameters: ReadonlyMap<string, string>;
}

interface ClientAddress {
  /** Undefined for a Unix socket. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** A row, with the view's own names. */
export interface SessionActivity {
  readonly datname: string;
  readonly usename: string;
  readonly application_name: string;
  readonly client_addr: string | null;
  readonly client_port: number;
  readonly backend_start: string;
  readonly xact_start: string | null;
  readonly query_start: string | null;
  readonly state_change: string;
  readonly state: string;
  readonly query: string;
}

/** track_activity_query_size of PostgreSQL, less its terminating zero. */
const QUERY_BYTES = 1023;

const waitingStates: Readonly<Record<TransactionStatus, string>> = {
  I: 'idle',
  T: 'idle in transaction',
  E: 'idle in transaction (aborted)',
};

export function clientAddress(origin: ClientOrigin, socket: Socket): ClientAddress {
  if (origin.kind === 'local') return { address: undefined, port: undefined };
  return { address: origin.address, port: socket.remotePort };
}

export class Activity {
  #processId = 0;
  #client: ClientAddress = { address: undefined, port: undefined };
  readonly #startedAtMs = Date.now();
  #query: Buffer | undefined;
  #queryAtMs: number | undefined;
  #transactionAtMs: number | undefined;
  #changedAtMs = this.#startedAtMs;

  /** The number by which clients know the session; 0 until it is open. */
  get processId(): number {
    return this.#processId;
  }

  introduce(processId: number, client: ClientAddress): void {
    this.#processId = processId;
    this.#client = client;
  }

  /** A statement begins; `status` is the transaction's before it. */
  begin(sql: Buffer, status: TransactionStatus): void {
    const now = Date.now();
    this.#query = sql;
    this.#queryAtMs = now;
    this.#changedAtMs = now;
    if (status === 'I') this.#transactionAtMs = now;
  }

  /** The session waits for its client again. */
  end(): void {
    this.#changedAtMs = Date.now();
  }

  describe(session: DescribedSession, isIdle: boolean): SessionActivity {
    const { address, port } = this.#client;
    const inTransaction = !isIdle || session.status !== 'I';
    return {
      datname: session.database,
      usename: session.user,
      application_name: session.parameters.get('application_name') ?? '',
      client_addr: address ?? null,
      client_port: port ?? -1,
      backend_start: timestamp(this.#startedAtMs) ?? '',
      xact_start: inTransaction ? timestamp(this.#transactionAtMs) : null,
      query_start: timestamp(this.#queryAtMs),
      state_change: timestamp(this.#changedAtMs) ?? '',
      state: isIdle ? waitingStates[session.status] : 'active',
      query: this.#query === undefined ? '' : clip(this.#query),
    };
  }
}

function timestamp(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

/** At most so many bytes, and no half character at their end. */
function clip(sql: Buffer): string {
  return new TextDecoder().decode(sql.subarray(0, QUERY_BYTES), { stream: sql.length > QUERY_BYTES });
}
