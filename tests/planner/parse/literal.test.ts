import { PgError } from '../../../base/errors.js';
import { normalize } from '../../../planner/parse/tokenizer.js';
import { literalOf, literalText } from '../../../planner/parse/literal.js';

function textOf(literal: string): Buffer {
  const sql = Buffer.from(`SELECT ${literal}`);
  const slot = normalize(sql)?.slots[0];
  if (slot === undefined) throw new Error(`no slot in ${literal}`);
  return literalText(sql, slot);
}

function sqlstateOf(literal: string): string {
  try {
    textOf(literal);
  } catch (error) {
    if (error instanceof PgError) return error.sqlstate;
    throw error;
  }
  return 'none';
}

it.each([
  ['5', '5'],
  ['1_000', '1000'],
  ['0x1F', '31'],
  ['0B101', '5'],
  ['0o17', '15'],
  ['0x7fffffffffffffff', '9223372036854775807'],
  ['1_0.5_0e1_0', '10.50e10'],
  ['.5', '.5'],
  ['0.5', '0.5'],
  ['0e5', '0e5'],
  ["''", ''],
  ["'it''s'", "it's"],
  ["'a\\n'", 'a\\n'],
  ["'a'\n 'b''c'", "ab'c"],
  ["'a' \n \t\n 'b'\n'c'", 'abc'],
  ["E'a\\'b\\\\c\\n\\t\\x41\\101\\q'", "a'b\\c\n\tAAq"],
  ["e'\\u00e9\\U0001F600'", 'é😀'],
  ["E'\\uD83D\\uDE00'", '😀'],
  ["E'\\xc3\\xa9'", 'é'],
  ["E'a'\n'\\n'", 'a\n'],
  ["U&'\\0041\\+01F600\\\\'", 'A😀\\'],
  ["U&'\\D83D\\DE00'''", "😀'"],
  ['$$a$b$$', 'a$b'],
  ["$é$'$é'$$e$$é$", "'$é'$$e$"],
  ["N'é'", 'é'],
  ["B'01'\n'10'", 'b0110'],
  ["X'1F'", 'x1F'],
])('%j is %j', (literal, expected) => {
  expect(textOf(literal).toString()).toBe(expected);
});

it.each([
  ["E'\\u12'", '22025'],
  ["E'\\uD83D'", '42601'],
  ["E'\\uD83Dx'", '42601'],
  ["E'\\uDE00'", '42601'],
  ["E'\\U00110000'", '42601'],
  ["U&'\\00'", '22025'],
  ["E'\\000'", '22021'],
])('%j is refused with %s', (literal, sqlstate) => {
  expect(sqlstateOf(literal)).toBe(sqlstate);
});

it('tells the kind', () => {
  const sql = Buffer.from("SELECT 5, 99999999999999999999, 'a', B'1'");
  const kinds = normalize(sql)?.slots.map((slot) => literalOf(sql, slot));
  expect(kinds).toEqual([
    { kind: 'integer', text: '5' },
    { kind: 'float', text: '99999999999999999999' },
    { kind: 'string', text: 'a' },
    { kind: 'bit', text: 'b1' },
  ]);
});
