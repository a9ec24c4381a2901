/**
 * Named places of the commit protocol where pgring can be made to die as by SIGKILL, or to lose a connection, so that
 * tests see what that leaves behind. Inert unless the environment names one:
 *
 *     PGRING_FAULT_POINT='all prepared'      dies when the first transaction is there
 *     PGRING_FAULT_POINT='prepared:7'        dies at the seventh time
 *     PGRING_FAULT_POINT='cut prepared:7'    loses the participant's connection then, once
 */

import { writeSync } from 'node:fs';

/** Places at which something is about to be, or was just, said to one participant: those can lose its connection. */
export const participantPlaces = [
  'before prepare',
  'prepare sent',
  'prepared',
  'before decision',
  'decision sent',
  'decided',
  'before commit',
  'commit sent',
  'committed',
  'before roll back',
  'roll back sent',
  'rolled back',
] as const;

/** All places, in the order of the protocol: its owner's, a recoverer's, the cleaner's. */
export const faultPoints = [
  ...participantPlaces,
  'all prepared',
  'all committed',
  'answered',
  'recovery found',
  'recovery asked',
  'recovery fenced',
  'recovery finishes',
  'recovery finished',
  'before cleaning',
  'cleaned',
] as const;

export type ParticipantPlace = (typeof participantPlaces)[number];
export type FaultPoint = (typeof faultPoints)[number];

interface Fault {
  readonly place: FaultPoint;
  readonly action: 'kill' | 'cut';
  readonly time: number;
}

/** The environment variable that names the place. */
export const faultPointVariable = 'PGRING_FAULT_POINT';

/** The variable's value for a fault; undefined for no words of ours. */
export function parseFault(text: string): Fault | undefined {
  const [, cut, name, time = '1'] = /^(cut )?([a-z ]+?)(?::([1-9]\d*))?$/.exec(text) ?? [];
  const places: readonly FaultPoint[] = cut === undefined ? faultPoints : participantPlaces;
  const place = places.find((each) => each === name);
  if (place === undefined) return undefined;
  return { place, action: cut === undefined ? 'kill' : 'cut', time: Number(time) };
}

const fault = chosenFault();
let passed = 0;

/** Ends the process here and now if this is the place and the time that were named, or the connection. */
export function faultPoint(place: FaultPoint, connection?: { destroy(): void }): void {
  if (fault?.place !== place) return;
  passed += 1;
  if (passed !== fault.time) return;
  writeSync(2, `fault: ${fault.action} at "${place}"\n`);
  if (fault.action === 'kill') process.kill(process.pid, 'SIGKILL');
  else connection?.destroy();
}

function chosenFault(): Fault | undefined {
  const text = process.env[faultPointVariable];
  if (text === undefined || text === '') return undefined;
  const parsed = parseFault(text);
  if (parsed === undefined) throw new Error(`${faultPointVariable}: no fault point "${text}"`);
  return parsed;
}
