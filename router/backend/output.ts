/** Where results go: the client's side of a session, as the router sees it. */

export interface ClientOutput {
  /**
   * Hands bytes to the client's socket. True: they have left this process and the caller may reuse the buffer.
   * False: they are still referenced; the caller must not touch them and should wait for `drained()` before more.
   */
  write(bytes: Buffer): boolean;
  /** Resolves when all that was written has left; rejects when the client is gone. */
  drained(): Promise<void>;
  /** Calls back once when all that was written has left; not at all when the client is gone. */
  onceDrained(callback: () => void): void;
}
