/** Logging: pino's interface, so that every part logs the same way. */

import { type Logger, destination, pino } from 'pino';

export type { Logger };

/** A log that writes JSON lines to the file, or to the standard error output. */
export function openLog(level: string, file?: string): Logger {
  return pino({ level, base: null }, destination(file === undefined ? { dest: 2 } : { dest: file, mkdir: true }));
}
