/** Errors as a person reads them: what went wrong, where, and what to do. */

import { PgError } from '../base/errors.js';
import { ConfigError } from '../catalog/config-error.js';
import { Failure, exitCode, messageOf } from './failure.js';

/** Prints the error to the standard error output and returns the exit code that fits it. */
export function report(error: unknown, options: { debug: boolean }): number {
  process.stderr.write(describeFailure(error));
  if (options.debug && error instanceof Error) process.stderr.write(`\n${error.stack ?? ''}\n`);
  if (error instanceof Failure) return error.exitCode;
  return error instanceof ConfigError ? exitCode.config : exitCode.failure;
}

/** The text of report(): the message, details indented below it, and a hint. */
function describeFailure(error: unknown): string {
  if (error instanceof Failure) return compose(error.message, error.detail, error.hint);
  if (error instanceof ConfigError)
    return compose('the configuration cannot be used', error.message, error.fields.hint);
  if (error instanceof PgError) return compose(error.message, error.fields.detail, error.fields.hint);
  return compose(messageOf(error), undefined, 'This was not expected. --debug shows where it comes from.');
}

function compose(message: string, detail: string | undefined, hint: string | undefined): string {
  const below = [detail, hint].filter((text) => text !== undefined && text !== '').map((text) => indent(String(text)));
  return `pgring: ${[message, ...below].join('\n')}\n`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
