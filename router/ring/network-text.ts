/**
 * inet, cidr and MAC addresses as their hashes see them. Texts are read only in their full forms; abbreviations and odd
 * spellings are undefined here, and a server has to read them.
 */

/** PGSQL_AF_INET and PGSQL_AF_INET6 (src/include/utils/inet.h). */
const familyV4 = 2;
const familyV6 = 3;

function parseV4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^(?:0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  for (const group of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 255);
  }
  return bytes;
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split('::');
  const before = parseGroups(halves[0] ?? '');
  const after = parseGroups(halves[1] ?? '');
  if (before === undefined || after === undefined || halves.length > 2) return undefined;
  const gap = 16 - before.length - after.length;
  if (halves.length === 1 ? gap !== 0 : gap < 2) return undefined;
  return [...before, ...Array.from({ length: gap }, () => 0), ...after];
}

/** The bytes that PostgreSQL hashes: family, bits, address. A cidr with bits right of its mask is undefined. */
export function parseInet(text: string, isCidr: boolean): Uint8Array | undefined {
  const match = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text);
  if (match === null) return undefined;
  const address = match[1] ?? '';
  const v6 = address.includes(':');
  const bytes = v6 ? parseV6(address) : parseV4(address);
  if (bytes === undefined) return undefined;
  const bits = match[2] === undefined ? bytes.length * 8 : Number(match[2]);
  if (bits > bytes.length * 8) return undefined;
  if (isCidr && bytes.some((byte, index) => (byte & (255 >> Math.min(8, Math.max(0, bits - index * 8)))) !== 0)) {
    return undefined;
  }
  return Uint8Array.of(v6 ? familyV6 : familyV4, bits, ...bytes);
}

/** The same from the wire form (inet_send: family, bits, is_cidr, length, address). */
export function readInet(bytes: Buffer): Uint8Array | undefined {
  const [family, bits, , length] = bytes;
  const expected = family === familyV4 ? 4 : family === familyV6 ? 16 : undefined;
  if (expected === undefined || bits === undefined || length !== expected || bytes.length !== 4 + expected) {
    return undefined;
  }
  return bits > expected * 8 ? undefined : Uint8Array.of(family as number, bits, ...bytes.subarray(4));
}

/** The 6 or 8 bytes of a MAC address written as two-digit groups with colons. */
export function parseMac(text: string, length: 6 | 8): Uint8Array | undefined {
  if (text.length !== length * 3 - 1 || !/^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2})+$/.test(text)) return undefined;
  return Uint8Array.from(text.split(':'), (group) => Number.parseInt(group, 16));
}
