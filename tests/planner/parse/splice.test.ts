import { PgError } from '../../../base/errors.js';
import { fill, template, type PieceSource } from '../../../planner/parse/splice.js';
import { normalize, type Slot } from '../../../planner/parse/tokenizer.js';
import { readCorpus } from './corpus.js';

/** Fills slots with the literals of a statement. */
function sourceOf(sql: Buffer, slots: readonly Slot[]): PieceSource {
  return {
    slotText: (slot) => sql.toString('utf8', slots[slot]?.start, slots[slot]?.end),
    computedText: (index) => `<computed ${index}>`,
    limitText: () => '<limit>',
    relationText: (shipment) => `<relation ${shipment}>`,
    ownedText: () => '<owned>',
  };
}

function prepare(text: string): { sql: Buffer; slots: readonly Slot[]; source: PieceSource } {
  const sql = Buffer.from(text);
  const slots = normalize(sql)?.slots ?? [];
  return { sql, slots, source: sourceOf(sql, slots) };
}

it('gives the statement back, byte for byte, over the corpus', () => {
  let pieces = 0;
  for (const { sql: text } of readCorpus()) {
    const { sql, slots, source } = prepare(text);
    const made = template(sql, [], slots);
    pieces += made.length;
    expect(fill(made, source)).toBe(text);
  }
  expect(pieces).toBeGreaterThan(10_000);
});

it('is refilled with the literals of another statement', () => {
  const { sql, slots } = prepare("SELECT 'é', a FROM t WHERE b=1 AND c<2.5");
  const other = prepare("select E'\\'' ,  a from t where b = 77 and c < .5;");
  expect(fill(template(sql, [], slots), other.source)).toBe("SELECT E'\\'', a FROM t WHERE b=77 AND c<.5");
});

it('keeps tokens apart that the other literals would join', () => {
  const { sql, slots } = prepare("SELECT'a',n'b' LIMIT'3'");
  const other = prepare("SELECT $$a$$, N'c' LIMIT E'3'");
  expect(fill(template(sql, [], slots), other.source)).toBe("SELECT $$a$$,n'c' LIMIT E'3'");
});

it('applies edits, and drops the slots in what they replace', () => {
  const { sql, slots, source } = prepare("SELECT 1 FROM t WHERE a = 'é' ORDER BY b LIMIT 10 OFFSET 5");
  const limit = sql.indexOf('LIMIT');
  const from = sql.indexOf(' FROM');
  const made = template(
    sql,
    [
      { start: limit, end: sql.length, pieces: ['LIMIT ', { kind: 'limit' }] },
      { start: from, end: from, pieces: [', '] },
      { start: from, end: from, pieces: [{ kind: 'computed', index: 0 }] },
    ],
    slots,
  );
  expect(made).toEqual([
    'SELECT ',
    { kind: 'slot', slot: 0 },
    ', ',
    { kind: 'computed', index: 0 },
    ' FROM t WHERE a = ',
    { kind: 'slot', slot: 1 },
    ' ORDER BY b LIMIT ',
    { kind: 'limit' },
  ]);
  expect(fill(made, source)).toBe("SELECT 1, <computed 0> FROM t WHERE a = 'é' ORDER BY b LIMIT <limit>");
});

it('takes a part of the statement', () => {
  const { sql, slots, source } = prepare('INSERT INTO t VALUES (1, 2), (3, 4)');
  const start = sql.indexOf('(3');
  const made = template(sql, [], slots, start, sql.length);
  expect(made).toEqual(['(', { kind: 'slot', slot: 2 }, ', ', { kind: 'slot', slot: 3 }, ')']);
  expect(fill(made, source)).toBe('(3, 4)');
  expect(template(sql, [], slots, 0, 6)).toEqual(['INSERT']);
});

it('refuses edits that overlap or cut a literal', () => {
  const { sql, slots } = prepare("SELECT 'abc' FROM t");
  const overlapping = [
    { start: 13, end: 17, pieces: [] },
    { start: 15, end: 18, pieces: [] },
  ];
  expect(() => template(sql, overlapping, slots)).toThrow(PgError);
  expect(() => template(sql, [{ start: 9, end: 17, pieces: [] }], slots)).toThrow(PgError);
});
