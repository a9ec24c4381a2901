/** The elements of an array value, for `key = ANY (array)`, from its text form and its binary wire form. */

import { present } from '../../base/assert.js';
import { isSpace } from './integer-text.js';
import { typeOid } from '../../catalog/type-oid.js';

/** Oids of the array types over the types that can be keys (src/include/catalog/pg_type.dat). */
const elementTypes: ReadonlyMap<number, number> = new Map([
  [651, typeOid.cidr],
  [775, typeOid.macaddr8],
  [1000, typeOid.bool],
  [1001, typeOid.bytea],
  [1003, typeOid.name],
  [1005, typeOid.int2],
  [1007, typeOid.int4],
  [1009, typeOid.text],
  [1014, typeOid.bpchar],
  [1015, typeOid.varchar],
  [1016, typeOid.int8],
  [1021, typeOid.float4],
  [1022, typeOid.float8],
  [1028, typeOid.oid],
  [1040, typeOid.macaddr],
  [1041, typeOid.inet],
  [1115, typeOid.timestamp],
  [1182, typeOid.date],
  [1183, typeOid.time],
  [1185, typeOid.timestamptz],
  [1187, typeOid.interval],
  [1231, typeOid.numeric],
  [1270, typeOid.timetz],
  [2951, typeOid.uuid],
]);

/** The type of an array type's elements: 0 for an untyped literal, undefined for an array of what is no key. */
export function elementTypeOf(arrayTypeOid: number): number | undefined {
  return arrayTypeOid === 0 || arrayTypeOid === typeOid.unknown ? 0 : elementTypes.get(arrayTypeOid);
}

const arrayTypes: ReadonlyMap<number, number> = new Map([...elementTypes].map(([array, element]) => [element, array]));

/** The array type over a type that can be a key. */
export function arrayTypeOf(elementTypeOid: number): number {
  return present(arrayTypes.get(elementTypeOid), 'an array type over each key type');
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

class ArrayReader {
  #at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(byte: number): boolean {
    this.skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  atEnd(): boolean {
    this.skipSpace();
    return this.#at === this.#bytes.length;
  }

  skipSpace(): void {
    while (isSpace(this.#bytes[this.#at])) this.#at++;
  }

  /** A quoted element whose opening quote has been taken. */
  quoted(): Buffer | undefined {
    const content: number[] = [];
    for (; this.#at < this.#bytes.length; this.#at++) {
      let byte = this.#bytes[this.#at] as number;
      if (byte === quote) {
        this.#at++;
        return Buffer.from(content);
      }
      if (byte === backslash) {
        const escaped = this.#bytes[++this.#at];
        if (escaped === undefined) return undefined;
        byte = escaped;
      }
      content.push(byte);
    }
    return undefined;
  }

  /** A bare element, without the blanks around it; undefined when it is empty or holds what should be quoted. */
  bare(): Buffer | undefined {
    const start = this.#at;
    for (; this.#at < this.#bytes.length; this.#at++) {
      const byte = this.#bytes[this.#at] as number;
      if (byte === comma || byte === closeBrace) break;
      if (byte === openBrace || byte === quote || byte === backslash) return undefined;
    }
    let end = this.#at;
    while (end > start && isSpace(this.#bytes[end - 1])) end--;
    return end === start ? undefined : this.#bytes.subarray(start, end);
  }
}

/**
 * The elements of an array's text form, null for NULL; undefined for what a server has to read: several dimensions,
 * explicit bounds, escapes outside of quotes, malformed text.
 */
export function parseArray(text: Buffer): (Buffer | null)[] | undefined {
  const reader = new ArrayReader(text);
  if (!reader.take(openBrace)) return undefined;
  const elements: (Buffer | null)[] = [];
  if (reader.take(closeBrace)) return reader.atEnd() ? elements : undefined;
  for (;;) {
    const isQuoted = reader.take(quote);
    const element = isQuoted ? reader.quoted() : reader.bare();
    if (element === undefined) return undefined;
    elements.push(!isQuoted && element.toString('latin1').toLowerCase() === 'null' ? null : element);
    if (reader.take(comma)) continue;
    return reader.take(closeBrace) && reader.atEnd() ? elements : undefined;
  }
}

interface BinaryArray {
  readonly elementType: number;
  readonly elements: readonly (Buffer | null)[];
}

/** The most dimensions of an array (MAXDIM). */
const dimensionLimit = 6;

/** The elements of an array's wire form (array_send), of all dimensions; undefined when it is malformed. */
export function readArray(bytes: Buffer): BinaryArray | undefined {
  if (bytes.length < 12) return undefined;
  const dimensions = bytes.readInt32BE(0);
  const elementType = bytes.readUInt32BE(8);
  let at = 12 + dimensions * 8;
  if (dimensions < 0 || dimensions > dimensionLimit || at > bytes.length) return undefined;
  let count = dimensions === 0 ? 0 : 1;
  for (let dimension = 0; dimension < dimensions; dimension++) count *= bytes.readInt32BE(12 + dimension * 8);
  const elements: (Buffer | null)[] = [];
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < -1 || at + length > bytes.length) return undefined;
    elements.push(length === -1 ? null : bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return elements.length === count ? { elementType, elements } : undefined;
}
