/**
 * How PostgreSQL prepares a password before hashing it (src/common/saslprep.c): SASLprep (RFC 4013) where it applies,
 * else the password as it is. Both sides of a login must do the same, also where PostgreSQL leaves the RFC: it looks
 * for prohibited characters before normalisation and not after it.
 */

import { isAscii } from 'node:buffer';
import { leftToRightCodePoints, prohibitedCodePoints, rightToLeftCodePoints } from './stringprep-tables.js';

/** C.1.2, which become a space; U+200B is in both tables and this one comes first. */
const otherSpaces = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu;

/** B.1, which are dropped: written as alternatives because several of them join with their neighbours. */
const droppedCharacters = /\u00AD|\u034F|\u1806|[\u180B-\u180D]|\u200C|\u200D|\u2060|[\uFE00-\uFE0F]|\uFEFF/gu;

const prohibited = stretches(prohibitedCodePoints);
const rightToLeft = stretches(rightToLeftCodePoints);
const leftToRight = stretches(leftToRightCodePoints);

/** The password to hash. */
export function preparePassword(password: string): string {
  if (isAscii(Buffer.from(password))) return password;
  const mapped = password.replace(otherSpaces, ' ').replace(droppedCharacters, '');
  const codePoints = Array.from(mapped, (character) => character.codePointAt(0) ?? 0);
  if (codePoints.length === 0 || codePoints.some((codePoint) => isIn(prohibited, codePoint))) return password;
  if (!isBidirectionallySound(codePoints)) return password;
  return mapped.normalize('NFKC');
}

/** RFC 3454, section 6: with a right-to-left character, no left-to-right one, and right-to-left at both ends. */
function isBidirectionallySound(codePoints: readonly number[]): boolean {
  if (!codePoints.some((codePoint) => isIn(rightToLeft, codePoint))) return true;
  if (codePoints.some((codePoint) => isIn(leftToRight, codePoint))) return false;
  return isIn(rightToLeft, codePoints[0] ?? 0) && isIn(rightToLeft, codePoints.at(-1) ?? 0);
}

/** The code points at which membership changes, from lengths of stretches. */
function stretches(lengths: readonly number[]): readonly number[] {
  let edge = 0;
  return lengths.map((length) => (edge += length));
}

/** A code point is in the set if an odd number of edges lie at or before it. */
function isIn(edges: readonly number[], codePoint: number): boolean {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? 0) <= codePoint) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}
