/** What is done to messages that were right: lengths and counts that lie, strings without their end, messages in another order. */

import { frontendType } from '../../wire/frame.js';
import type { RandomSource } from '../proxy/random-source.js';

const types = Object.values(frontendType);
const interesting = [-0x8000_0000, -65_536, -2, -1, 0, 1, 2, 3, 4, 5, 7, 127, 255, 32_767, 65_535, 0x7fff_ffff];

type Change = (frame: Buffer, random: RandomSource) => Buffer;

/** Where the length word of a message stands: after the type, or first of all in an untagged packet. */
function lengthAt(frame: Buffer): number {
  return frame[0] === 0 ? 0 : 1;
}

/** The message with a true length again. */
function corrected(frame: Buffer): Buffer {
  const at = lengthAt(frame);
  if (frame.length < at + 4) return frame;
  const right = Buffer.from(frame);
  right.writeInt32BE(frame.length - at, at);
  return right;
}

/** A place in the body. */
function place(frame: Buffer, random: RandomSource): number {
  const start = lengthAt(frame) + 4;
  return frame.length <= start ? frame.length : start + random.below(frame.length - start);
}

function replaced(frame: Buffer, from: number, to: number, by: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, from), by, frame.subarray(to)]);
}

const changes: readonly Change[] = [
  // The length word lies.
  (frame, random) => {
    const lying = Buffer.from(frame);
    const at = lengthAt(frame);
    if (lying.length < at + 4) return lying;
    const truth = lying.length - at;
    lying.writeInt32BE(random.below(2) === 0 ? random.pick(interesting) : truth + random.below(9) - 4, at);
    return lying;
  },
  // A byte is another.
  (frame, random) => {
    const other = Buffer.from(frame);
    if (other.length > 0) other[place(frame, random) % other.length] = random.below(256);
    return other;
  },
  // A bit is another.
  (frame, random) => {
    const other = Buffer.from(frame);
    const at = random.below(Math.max(1, other.length));
    if (other.length > 0) other[at] = (other[at] ?? 0) ^ (1 << random.below(8));
    return other;
  },
  // A count or a length inside lies.
  (frame, random) => {
    const other = Buffer.from(frame);
    const at = place(frame, random);
    const value = random.pick(interesting);
    if (random.below(2) === 0 && at + 4 <= other.length) other.writeInt32BE(value, at);
    else if (at + 2 <= other.length) other.writeInt16BE((value << 16) >> 16, at);
    return other;
  },
  // More bytes, counted or not.
  (frame, random) => {
    const at = place(frame, random);
    const longer = replaced(frame, at, at, random.bytes(1 + random.below(random.pick([2, 16, 300, 5_000]))));
    return random.below(3) === 0 ? longer : corrected(longer);
  },
  // Fewer bytes, counted or not.
  (frame, random) => {
    const from = place(frame, random);
    const shorter = replaced(frame, from, Math.min(frame.length, from + 1 + random.below(12)), Buffer.alloc(0));
    return random.below(3) === 0 ? shorter : corrected(shorter);
  },
  // A string does not end, or ends early.
  (frame, random) => {
    const other = Buffer.from(frame);
    const nul = other.indexOf(0, place(frame, random));
    if (nul >= 0 && random.below(2) === 0) other[nul] = 0x61;
    else if (other.length > 0) other[place(frame, random) % other.length] = 0;
    return other;
  },
  // Text that is no UTF-8.
  (frame, random) => {
    const at = place(frame, random);
    const bad = random.pick(['ff', 'c0af', 'eda080', 'f4908080', 'e282', '00']);
    return corrected(replaced(frame, at, at, Buffer.from(bad, 'hex')));
  },
  // Another type.
  (frame, random) => {
    const other = Buffer.from(frame);
    if (lengthAt(frame) === 1) other[0] = random.below(3) === 0 ? random.below(256) : random.pick(types);
    return other;
  },
  // It stops in the middle.
  (frame, random) => frame.subarray(0, random.below(frame.length + 1)),
  // Nothing but chance.
  (_frame, random) => random.bytes(random.below(random.pick([4, 40, 2_000]))),
];

/** A conversation with something wrong, or nothing. Untagged packets begin with a zero byte. */
export function mutate(frames: readonly Buffer[], random: RandomSource): readonly Buffer[] {
  const changed = [...frames];
  for (let count = random.pick([0, 1, 1, 1, 2, 4]); count > 0 && changed.length > 0; count -= 1) {
    const at = random.below(changed.length);
    const frame = changed[at] ?? Buffer.alloc(0);
    switch (random.below(12)) {
      case 0:
        changed.splice(at, 1);
        break;
      case 1:
        changed.splice(at, 0, frame);
        break;
      case 2:
        changed.splice(at, 1);
        changed.splice(random.below(changed.length + 1), 0, frame);
        break;
      case 3:
        changed.splice(at, 0, ...Array.from({ length: random.pick([10, 200]) }, () => frame));
        break;
      default:
        changed[at] = random.pick(changes)(frame, random);
    }
  }
  return changed;
}
