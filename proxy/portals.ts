/** The portals of a client: bound by the protocol, or declared as cursors in SQL. */

import { PgError, sqlstate } from '../base/errors.js';
import type { ShardId } from '../catalog/topology.js';
import type { CursorOptions } from '../planner/plan/session-plan.js';
import { runCommand } from '../router/backend/command.js';
import type { CombineSession } from '../router/execute/combine-session.js';
import type { BoundParameters } from '../router/execute/context.js';
import type { Cursor } from '../router/execute/cursor.js';
import type { PreparedStatement } from './prepared.js';

/** What DECLARE said of a cursor, and what pg_cursors tells of it. */
interface DeclaredCursor {
  readonly text: string;
  readonly options: CursorOptions;
}

interface PortalLife {
  /** The savepoint that it was made under; when that is rolled back, it is gone. */
  readonly savepoint: number;
  readonly madeAt: Date;
  /** Undefined for a portal that was bound. */
  readonly declared: DeclaredCursor | undefined;
}

/** Cursors of SQL and portals of the protocol have one namespace. */
export type ClientPortal = PortalLife &
  /** On a server, under the client's own name. */
  (
    | { readonly kind: 'server'; readonly shard: ShardId }
    /** On the server session where a statement was combined; `held`: it outlived its transaction. */
    | { readonly kind: 'combined'; readonly session: CombineSession; held: boolean }
    /** Declared, and run by pgring over several shards. */
    | { readonly kind: 'streamed'; readonly cursor: Cursor; held: boolean }
    /** Bound here; the cursor is there once it was executed with a row limit. */
    | {
        readonly kind: 'local';
        readonly name: string;
        readonly statement: PreparedStatement;
        readonly parameters: BoundParameters;
        readonly resultFormats: readonly number[];
        cursor: Cursor | undefined;
        finished: boolean;
      }
  );

export class ClientPortals {
  readonly #portals = new Map<string, ClientPortal>();

  get all(): Iterable<readonly [string, ClientPortal]> {
    return this.#portals;
  }

  /** Errors: 42P03 for a name in use, but for the unnamed portal. */
  checkNew(name: string): void {
    if (name !== '' && this.#portals.has(name)) {
      throw new PgError(sqlstate.duplicateCursor, `cursor "${name}" already exists`);
    }
  }

  bind(name: string, portal: ClientPortal): void {
    this.checkNew(name);
    this.#portals.set(name, portal);
  }

  /** Binds a portal that is known to be new, or the unnamed one anew. */
  rebind(name: string, portal: ClientPortal): void {
    this.#portals.set(name, portal);
  }

  find(name: string): ClientPortal | undefined {
    return this.#portals.get(name);
  }

  /** Errors: 34000. */
  get(name: string, what: 'portal' | 'cursor'): ClientPortal {
    const portal = this.#portals.get(name);
    if (portal !== undefined) return portal;
    throw new PgError(sqlstate.invalidCursorName, `${what} "${name}" does not exist`);
  }

  /** Closes what pgring keeps of a portal; one on a server is only forgotten. */
  async close(name: string): Promise<void> {
    const portal = this.#portals.get(name);
    this.#portals.delete(name);
    if (portal?.kind === 'local' || portal?.kind === 'streamed') await portal.cursor?.close();
    if (portal?.kind === 'combined') await endCombined(portal);
  }

  /** The transaction is about to commit: cursors WITH HOLD become independent of it. */
  async hold(): Promise<void> {
    for (const portal of this.#portals.values()) {
      if (portal.declared?.options.hold !== true) continue;
      if (portal.kind === 'streamed' && !portal.held) await portal.cursor.hold();
      if (portal.kind === 'combined' && !portal.held) await runCommand(portal.session.connection, 'COMMIT');
      if (portal.kind === 'streamed' || portal.kind === 'combined') portal.held = true;
    }
  }

  /** The end of the transaction closes all portals but those held; the servers close theirs themselves. Never throws. */
  async forget(): Promise<void> {
    await this.#forgetThose((portal) => !isHeld(portal));
  }

  /** A savepoint was rolled back: what was made after it is gone. Never throws. */
  async forgetRolledBack(holds: (savepoint: number) => boolean): Promise<void> {
    await this.#forgetThose((portal) => !isHeld(portal) && !holds(portal.savepoint));
  }

  /** The session ends, or DISCARD ALL was said. Never throws. */
  async forgetAll(): Promise<void> {
    await this.#forgetThose(() => true);
  }

  async #forgetThose(wanted: (portal: ClientPortal) => boolean): Promise<void> {
    if (this.#portals.size === 0) return;
    const gone = [...this.#portals].filter(([, portal]) => wanted(portal));
    for (const [name] of gone) this.#portals.delete(name);
    await Promise.all(
      gone.map(async ([, portal]) => {
        if (portal.kind === 'local' || portal.kind === 'streamed') await portal.cursor?.forget();
        if (portal.kind === 'combined') await endCombined(portal);
      }),
    );
  }
}

/** Another session may get the connection next: it is left without the cursor. Never throws. */
async function endCombined({ session, held }: Extract<ClientPortal, { readonly kind: 'combined' }>): Promise<void> {
  const { connection } = session;
  try {
    if (held && !connection.closed && connection.outstandingReady === 0) await runCommand(connection, 'CLOSE ALL');
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    connection.destroy();
  }
  await session.end();
}

function isHeld(portal: ClientPortal): boolean {
  return (portal.kind === 'streamed' || portal.kind === 'combined') && portal.held;
}
