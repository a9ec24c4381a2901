/**
 * Named places of the commit protocol where pgring can be made to die as by SIGKILL, to lose a connection, or to have a
 * client's cancel request come, so that tests see what that leaves behind. Inert unless the environment names one:
 *
 *     PGRING_FAULT_POINT='all prepared'      dies when the first transaction is there
 *     PGRING_FAULT_POINT='prepared:7'        dies at the seventh time
 *     PGRING_FAULT_POINT='cut prepared:7'    loses the participant's connection then, once
 *     PGRING_FAULT_POINT='cancel prepared:7' cancels then, once, what the participant does or is about to do
 */

import { writeSync } from 'node:fs';

/** Places at which something is about to be, or was just, said to one participant, on its connection. */
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

export type FaultAction = 'kill' | 'cut' | 'cancel';

interface Fault {
  readonly place: FaultPoint;
  readonly action: FaultAction;
  readonly time: number;
}

/** The environment variable that names the place. */
export const faultPointVariable = 'PGRING_FAULT_POINT';

/** The variable's value for a fault; undefined for no words of ours. */
export function parseFault(text: string): Fault | undefined {
  const [, verb, name, time = '1'] = /^(cut |cancel )?([a-z ]+?)(?::([1-9]\d*))?$/.exec(text) ?? [];
  const action = verb === 'cut ' ? 'cut' : verb === 'cancel ' ? 'cancel' : 'kill';
  const places: readonly FaultPoint[] = action === 'kill' ? faultPoints : participantPlaces;
  const place = places.find((each) => each === name);
  if (place === undefined) return undefined;
  return { place, action, time: Number(time) };
}

const fault = chosenFault();
let passed = 0;

/** What a participant is reached by. */
interface FaultyConnection {
  destroy(): void;
  cancel(): Promise<void>;
}

/** Brings the fault about if this is the place and the time that were named. */
export function faultPoint(place: FaultPoint, connection?: FaultyConnection): void {
  if (fault?.place !== place) return;
  passed += 1;
  if (passed !== fault.time) return;
  writeSync(2, `fault: ${fault.action} at "${place}"\n`);
  if (fault.action === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (fault.action === 'cut') connection?.destroy();
  else void connection?.cancel();
}

function chosenFault(): Fault | undefined {
  const text = process.env[faultPointVariable];
  if (text === undefined || text === '') return undefined;
  const parsed = parseFault(text);
  if (parsed === undefined) throw new Error(`${faultPointVariable}: no fault point "${text}"`);
  return parsed;
}
