/** What a statement may leave in the server session that runs it, beyond its transaction and the settings that it names. */

export type SessionTrace =
  /** Locks of the session, or fewer of them. */
  | 'advisory locks'
  /** It listens, or does so no more. */
  | 'LISTEN'
  | 'random seed'
  /** A setting by which the server ends sessions that are idle. */
  | 'idle_session_timeout'
  /** Numbers of sequences, of which currval() and lastval() tell. */
  | 'takes numbers'
  /** It asks for them. */
  | 'reads numbers'
  /** It cannot be read. */
  | 'unknown';
