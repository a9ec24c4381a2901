/** What a session is doing: a union, so that no two things can be true at once. */

import type { BackendConnection } from '../router/backend/connection.js';
import type { PreparedStatement } from './prepared.js';

/** A session takes input only when it is idle, so nothing overlaps. */
export type SessionState =
  | { readonly kind: 'idle' }
  /** A server's answer passes through; `statements` became known to it unless it says otherwise. */
  | {
      readonly kind: 'relaying';
      readonly connection: BackendConnection;
      readonly statements: readonly PreparedStatement[];
      readonly copyIn: boolean;
      readonly extended: boolean;
    }
  | { readonly kind: 'busy' }
  | { readonly kind: 'closed' };

export const idle: SessionState = { kind: 'idle' };
