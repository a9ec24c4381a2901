/** The input functions of uuid, boolean, bytea and the floating-point types. */

import { isSpace } from './integer-text.js';

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** uuid_in: braces, and hyphens after any group of four digits, are optional. Fills `into`; false when malformed. */
export function parseUuid(text: Uint8Array, into: Uint8Array): boolean {
  let at = 0;
  let end = text.length;
  if (text[0] === 0x7b) {
    if (text[end - 1] !== 0x7d) return false;
    at++;
    end--;
  }
  for (let index = 0; index < 16; index++) {
    const digits = (hexDigit(text[at]) << 4) | hexDigit(text[at + 1]);
    if (digits < 0 || at + 2 > end) return false;
    into[index] = digits;
    at += 2;
    if (text[at] === 0x2d && index % 2 === 1 && index < 15) at++;
  }
  return at === end;
}

/** boolin: any unambiguous prefix of true, false, yes, no, on, off; 1; 0. Undefined when malformed. */
export function parseBoolean(text: Uint8Array): boolean | undefined {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start])) start++;
  while (end > start && isSpace(text[end - 1])) end--;
  if (end === start || end - start > 5) return undefined;
  const word = Buffer.from(text.subarray(start, end)).toString('latin1').toLowerCase();
  if (word === '1' || word === 'on' || 'true'.startsWith(word) || 'yes'.startsWith(word)) return true;
  if (word === '0' || word === 'of' || word === 'off' || 'false'.startsWith(word) || 'no'.startsWith(word)) {
    return false;
  }
  return undefined;
}

/** byteain: hex or escape form; undefined for what a server would refuse, or has to be asked about. */
export function parseBytea(text: Uint8Array): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  if (text[0] === 0x5c && text[1] === 0x78) {
    for (let at = 2; at < text.length;) {
      const digits = (hexDigit(text[at]) << 4) | hexDigit(text[at + 1]);
      if (digits < 0) return undefined;
      bytes[length++] = digits;
      at += 2;
    }
    return bytes.subarray(0, length);
  }
  for (let at = 0; at < text.length;) {
    const byte = text[at] as number;
    if (byte !== 0x5c) {
      bytes[length++] = byte;
      at++;
    } else if (text[at + 1] === 0x5c) {
      bytes[length++] = 0x5c;
      at += 2;
    } else {
      const octal = Buffer.from(text.subarray(at + 1, at + 4)).toString('latin1');
      if (!/^[0-3][0-7]{2}$/.test(octal)) return undefined;
      bytes[length++] = Number.parseInt(octal, 8);
      at += 4;
    }
  }
  return bytes.subarray(0, length);
}

const decimalPattern = /^[ \t-\r]*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?)[ \t-\r]*$/;

/** float8in for decimal numbers in the normal range, zero, and NaN; undefined for all else. */
export function parseFloat8(text: string): number | undefined {
  const match = decimalPattern.exec(text);
  if (match === null) return text.trim().toLowerCase() === 'nan' ? Number.NaN : undefined;
  const value = Number(match[1]);
  const isZero = !/[1-9]/.test((match[1] ?? '').replace(/[eE].*/, ''));
  if (isZero) return value;
  return Math.abs(value) >= 2.3e-308 && Number.isFinite(value) ? value : undefined;
}

const bits = new DataView(new ArrayBuffer(8));

/**
 * float4in: undefined also where rounding to a double first could round differently from rounding once, which takes a
 * double that lies exactly halfway between two floats.
 */
export function parseFloat4(text: string): number | undefined {
  const value = parseFloat8(text);
  if (value === undefined || value === 0 || Number.isNaN(value)) return value;
  if (Math.abs(value) < 1.2e-38 || Math.abs(value) > 3.4e38) return undefined;
  bits.setFloat64(0, value);
  if ((bits.getUint32(4) & 0x1fffffff) === 0x10000000) return undefined;
  return Math.fround(value);
}
