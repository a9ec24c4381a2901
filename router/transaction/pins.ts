/**
 * Why a session keeps a server connection between transactions: something of the session's lies on it that no other
 * session may see, and that cannot be put on another connection.
 */

export type PinReason =
  /** pooling.mode is session. */
  | 'session pooling'
  | 'temporary objects'
  | 'advisory locks'
  | 'LISTEN'
  | 'cursors WITH HOLD'
  /** Of PREPARE in a function; what clients prepare is kept by pgring. */
  | 'prepared statements'
  /** currval() and lastval() were asked for before, so they will be again. */
  | 'sequence values'
  /** setseed() */
  | 'random seed'
  /** The server would end a connection that is idle, which is to mean the session. */
  | 'idle_session_timeout'
  /** Set inside a function, so their names are not known. */
  | 'settings of a function'
  /** It cannot be read, and may leave anything. */
  | 'unknown function';

/** What stays after DISCARD ALL, or may: such a connection is given to nobody else. */
const lasting: ReadonlySet<PinReason> = new Set(['random seed', 'settings of a function', 'unknown function']);

export function isLasting(reason: PinReason): boolean {
  return lasting.has(reason);
}
