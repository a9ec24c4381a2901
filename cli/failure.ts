/** Failures that a person can do something about: printed as a message and a way out, never as a stack trace. */

/** The exit codes of the command line; `pgring --help` prints them. */
export const exitCode = {
  success: 0,
  /** Something went wrong that the other codes do not name; for `pgring check`: there are findings. */
  failure: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** The configuration cannot be used. */
  config: 3,
  /** A port or a data folder is taken by somebody else. */
  taken: 4,
  /** A PostgreSQL server could not be started or reached. */
  server: 5,
} as const;

/** What went wrong (message), where it can be seen (detail) and what to do about it (hint). */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;
  readonly detail: string | undefined;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: { exitCode?: number; detail?: string | undefined; hint?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? exitCode.failure;
    this.detail = options.detail;
    this.hint = options.hint;
  }
}

/**
 * The `code` of a system error such as ENOENT, or a server's SQLSTATE; undefined where there is none. Errors are told
 * by their fields: in Jest, those of Node's own modules belong to another realm and are no instances of Error.
 */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
