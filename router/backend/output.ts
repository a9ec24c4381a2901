/** Where results go: the client's side of a session, as the router sees it. */

export interface ClientOutput {
  /**
   * Hands bytes to the client's socket. True: they have left this process and the caller may reuse the buffer.
   * False: they are still referenced; the caller must not touch them and should wait for `drained()` before more.
   */
  write(bytes: Buffer): boolean;
  /**
   * As `write`, for a part of an answer of which more is to come: small parts may be kept, as copies, until whoever runs now
   * has to wait, and leave as one. A system call costs more than the copy.
   */
  writeSoon(bytes: Buffer): boolean;
  /** Resolves when all that was written has left; rejects when the client is gone. */
  drained(): Promise<void>;
  /** Calls back once when all that was written has left; not at all when the client is gone. */
  onceDrained(callback: () => void): void;
}
