/**
 * Named places where pgring can be made to die as by SIGKILL, so that tests see what a crash there leaves behind.
 * Inert unless the environment names one.
 */

export type FaultPoint =
  | 'first prepare sent'
  | 'first prepared'
  | 'all prepared'
  | 'decided'
  | 'first commit sent'
  | 'first committed'
  | 'all committed';

/** The environment variable that names the place. */
export const faultPointVariable = 'PGRING_FAULT_POINT';

const chosen = process.env[faultPointVariable];

/** Ends the process here and now if this is the place that was named. */
export function faultPoint(place: FaultPoint): void {
  if (chosen === place) process.kill(process.pid, 'SIGKILL');
}
