/** Logging: pino's interface, so that every part logs the same way. */

import { pino, type Logger } from 'pino';

export type { Logger };

/** JSON lines on standard error; standard output belongs to the command. */
export function makeLogger(level: string): Logger {
  return pino({ name: 'pgring', level }, pino.destination({ dest: 2, sync: true }));
}
