/** Exact decimal numbers: PostgreSQL's numeric, in text and in the format of numeric_send(). */

import { assert } from '../../base/assert.js';
import { PgError } from '../../base/errors.js';

type Numeric =
  /** unscaled / 10^scale, shown with `scale` digits after the point. */
  | { readonly kind: 'finite'; readonly unscaled: bigint; readonly scale: number }
  | { readonly kind: 'NaN' | 'Infinity' | '-Infinity' };

const notANumber: Numeric = { kind: 'NaN' };
const numericText = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Reads what numeric_out() writes. */
export function parseNumeric(text: string): Numeric {
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return { kind: text };
  const match = numericText.exec(text);
  assert(match !== null, `not a numeric: ${text.slice(0, 40)}`);
  const [, sign = '', whole = '', fraction = ''] = match;
  const magnitude = BigInt(whole + fraction);
  return { kind: 'finite', unscaled: sign === '' ? magnitude : -magnitude, scale: fraction.length };
}

/** Adds as numeric_add() does: the larger scale stays, opposite infinities make NaN. */
export function addNumeric(left: Numeric, right: Numeric): Numeric {
  if (left.kind === 'finite' && right.kind === 'finite') {
    const scale = Math.max(left.scale, right.scale);
    const unscaled =
      left.unscaled * 10n ** BigInt(scale - left.scale) + right.unscaled * 10n ** BigInt(scale - right.scale);
    return { kind: 'finite', unscaled, scale };
  }
  if (left.kind === 'finite') return right;
  if (right.kind === 'finite' || left.kind === right.kind) return left;
  return notANumber;
}

/** Decimal digits before the point that the type can hold (make_result() allows weights up to 32767). */
const maximumWholeDigits = 131_072;

/** The digits before and after the point; none before it when it is below 1. */
function splitDigits(unscaled: bigint, scale: number): { readonly whole: string; readonly fraction: string } {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale, '0');
  const point = digits.length - scale;
  const whole = digits.slice(0, point);
  if (whole.length > maximumWholeDigits) throw new PgError('22003', 'value overflows numeric format');
  return { whole: whole === '0' ? '' : whole, fraction: digits.slice(point) };
}

/** Writes as numeric_out() does. */
export function formatNumeric(value: Numeric): string {
  if (value.kind !== 'finite') return value.kind;
  const { whole, fraction } = splitDigits(value.unscaled, value.scale);
  const sign = value.unscaled < 0n ? '-' : '';
  return `${sign}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
}

const specialSigns = { NaN: 0xc000, Infinity: 0xd000, '-Infinity': 0xf000 } as const;
const headerBytes = 8;

/** Writes as numeric_send() does: without zero digits (of base 10000) at either end. */
export function encodeNumeric(value: Numeric): Buffer {
  if (value.kind !== 'finite') {
    const header = Buffer.alloc(headerBytes);
    header.writeUInt16BE(specialSigns[value.kind], 4);
    // The infinities' sign bits overlap the scale in memory, and numeric_send() sends what it reads there.
    if (value.kind !== 'NaN') header.writeUInt16BE(0x20, 6);
    return header;
  }
  const { whole, fraction } = splitDigits(value.unscaled, value.scale);
  const digits = groupsOf(whole.padStart(Math.ceil(whole.length / 4) * 4, '0'));
  let weight = digits.length - 1;
  digits.push(...groupsOf(fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0')));
  let first = 0;
  while (first < digits.length && digits[first] === 0) first++;
  let end = digits.length;
  while (end > first && digits[end - 1] === 0) end--;
  weight = first === end ? 0 : weight - first;
  const bytes = Buffer.alloc(headerBytes + 2 * (end - first));
  bytes.writeUInt16BE(end - first, 0);
  bytes.writeInt16BE(weight, 2);
  bytes.writeUInt16BE(value.unscaled < 0n ? 0x4000 : 0, 4);
  bytes.writeUInt16BE(value.scale, 6);
  for (const [index, digit] of digits.slice(first, end).entries()) bytes.writeUInt16BE(digit, headerBytes + 2 * index);
  return bytes;
}

function groupsOf(digits: string): number[] {
  return Array.from({ length: digits.length / 4 }, (_, index) => Number(digits.slice(4 * index, 4 * index + 4)));
}
