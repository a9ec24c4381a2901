/** Character classes of PostgreSQL's lexer (src/backend/parser/scan.l), as bit sets in a table over bytes. */

export const SPACE = 1;
export const NEWLINE = 2;
const DIGIT = 4;
/** ident_start */
export const NAME_START = 8;
/** ident_cont */
export const NAME_PART = 16;
/** op_chars */
export const OPERATOR = 32;
/** self */
export const SELF = 64;
/** Operator characters that SQL's own operators do not have: with one of them an operator may end in + or -. */
export const UNUSUAL_OPERATOR = 128;

const classes: readonly (readonly [number, string])[] = [
  [SPACE, ' \t\n\r\f\v'],
  [NEWLINE, '\n\r'],
  [DIGIT | NAME_PART, '0123456789'],
  [NAME_START | NAME_PART, 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_'],
  [NAME_PART, '$'],
  [OPERATOR, '~!@#^&|`?+-*/%<>='],
  [SELF, ',()[].;:+-*/%^<>='],
  [UNUSUAL_OPERATOR, '~!@#^&|`?%'],
];

function build(): Uint8Array {
  const table = new Uint8Array(256);
  for (const [bits, characters] of classes) {
    for (const character of characters) {
      const code = character.charCodeAt(0);
      table[code] = (table[code] ?? 0) | bits;
    }
  }
  // Bytes of multi-byte UTF-8 characters are letters.
  table.fill(NAME_START | NAME_PART, 128);
  return table;
}

const characterClass: Uint8Array = build();

/** The byte's class set; 0 for undefined (past the end). */
export function classOf(byte: number | undefined): number {
  return byte === undefined ? 0 : (characterClass[byte] ?? 0);
}

const HEX_A = 97;

/** The value of a digit in the base, or -1. */
export function digitValue(byte: number | undefined, base: number): number {
  if (byte === undefined) return -1;
  const value = byte >= 48 && byte <= 57 ? byte - 48 : (byte | 32) >= HEX_A ? (byte | 32) - HEX_A + 10 : -1;
  return value < base ? value : -1;
}
