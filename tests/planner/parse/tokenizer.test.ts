import { array, assert as assertProperty, constantFrom, nat, property } from 'fast-check';
import { loadParser } from '../../../planner/parse/parser.js';
import { normalize } from '../../../planner/parse/tokenizer.js';
import { literalOf } from '../../../planner/parse/literal.js';
import { readCorpus } from './corpus.js';
import { constantText, maskedTree } from './masked-tree.js';

beforeAll(loadParser);

/** Statements of the corpus that libpg_query 18 rejects: YEAR as a bare label, and a text of two statements. */
const rejected = 2;

function keyOf(sql: string): string | undefined {
  return normalize(Buffer.from(sql))?.key;
}

describe('keys', () => {
  it.each([
    ['SELECT  A.b /* c */ FROM t -- d\n WHERE id=5;', 'select a . b from t where id = #i '],
    [`SELECT "A", 'x', 5, 5.0, 5000000000, B'1', $1`, 'select "A" , #s , #i , #f , #l , #b , $1 '],
    ['SELECT 99999999999999999999, 1_000, 0x1F', 'select #f , #i , #i '],
    ['SELECT -5, +5, 1..e', 'select - #i , + #i , #i .. e '],
    [`SELECT 'a'\n'b', E'\\'', $$x$$, N'n', U&'\\0041'`, `select #s , #s , #s , n' #s , #s `],
    ['SELECT a FROM t ORDER BY 1, b + 2 LIMIT 3', 'select a from t order by 1 , b + 2 limit #i '],
    ['SELECT a FROM t GROUP BY 1 HAVING count(*) > 2', 'select a from t group by 1 having count ( * ) > #i '],
    ['SELECT (SELECT 1 ORDER BY 1), 2', 'select ( select #i order by 1 ) , #i '],
    ['SELECT 1 ORDER BY t.limit, 1', 'select #i order by t . limit , 1 '],
    ['SELECT DISTINCT ON (1, f(2)) 3', 'select distinct on ( 1 , f ( 2 ) ) #i '],
    ['SELECT 1::numeric(10,2), 2::int[3][4]', 'select #i :: numeric ( 10 , 2 ) , #i :: int [ 3 ] [ 4 ] '],
    ['SELECT CAST(1 AS double precision), 2', 'select cast ( #i as double precision ) , #i '],
    ["SELECT float(24) '1'", 'select float ( 24 ) #s '],
    ['SELECT 1::time(3) with time zone[4]', 'select #i :: time ( 3 ) with time zone [ 4 ] '],
    ['SELECT current_timestamp(3), f(3)', 'select current_timestamp ( 3 ) , f ( #i ) '],
    ['SELECT * FROM t AS x WHERE (a = 5)', 'select * from t as x where ( a = #i ) '],
    ['WITH x AS MATERIALIZED (SELECT 5) TABLE x', 'with x as materialized ( select #i ) table x '],
    ['WITH x AS NOT MATERIALIZED (SELECT 5) TABLE x', 'with x as not materialized ( select #i ) table x '],
    ['(SELECT 1) UNION (SELECT 2)', '( select #i ) union ( select #i ) '],
    ['SELECT 2147483647, 2147483648, 2147483649', 'select #i , 2147483648 , #l '],
    ['SELECT 9223372036854775807, 9223372036854775808', 'select #l , 9223372036854775808 '],
  ])('%s', (sql, expected) => {
    expect(keyOf(sql)).toBe(expected);
  });

  it.each([
    ['several statements', 'SELECT 1; SELECT 2'],
    ['other verbs', 'CREATE TABLE t (a int)'],
    ['EXPLAIN', 'EXPLAIN SELECT 1'],
    ['an open string', "SELECT 'abc"],
    ['an open comment', 'SELECT 1 /* a /* b */'],
    ['an open name', 'SELECT "a'],
    ['an open dollar quote', 'SELECT $a$ b $b$'],
    ['junk after a number', 'SELECT 1a'],
    ['UESCAPE', `SELECT U&'!0041' UESCAPE '!'`],
    ['parentheses that do not match', 'SELECT (1))('],
    ['an open parenthesis', 'SELECT (1'],
    ['nothing', ''],
    ['a comment', '-- SELECT 1'],
    ['a number', '1 + 1'],
    ['a very long key', `SELECT ${'a,'.repeat(20_000)}a`],
  ])('leaves out %s', (_, sql) => {
    expect(keyOf(sql)).toBeUndefined();
  });

  it('takes a long literal as a slot', () => {
    expect(keyOf(`SELECT '${'x'.repeat(100_000)}'`)).toBe('select #s ');
  });

  it('tells the verb', () => {
    expect(normalize(Buffer.from('/* a */ ((Insert INTO t VALUES (1)))'))?.verb).toBe('insert');
  });

  it('reads only between the offsets', () => {
    expect(normalize(Buffer.from('SELECT 1; SELECT a, 2 ; x'), 9, 22)).toEqual({
      key: 'select a , #i ',
      slots: [{ kind: 'integer', start: 20, end: 21 }],
      verb: 'select',
    });
  });
});

/** Compares every constant of the tree with the slot at its place. */
function checkSlots(sql: string): { slots: number; kept: number } | undefined {
  const bytes = Buffer.from(sql);
  const normalized = normalize(bytes);
  if (normalized === undefined) return undefined;
  const { constants } = maskedTree(sql, normalized);
  const found = new Set<number>();
  let kept = 0;
  for (const { constant, slot, negative } of constants) {
    const literal = slot === undefined ? undefined : normalized.slots[slot];
    if (slot === undefined || literal === undefined) {
      kept++;
      continue;
    }
    found.add(slot);
    const expected = `${negative ? '-' : ''}${literalOf(bytes, literal).text}`;
    if (constantText(constant) !== expected) throw new Error(`${constantText(constant)} is not ${expected} in ${sql}`);
  }
  expect({ sql, found: found.size }).toEqual({ sql, found: normalized.slots.length });
  return { slots: found.size, kept };
}

it('puts every slot where the tree has a constant of that value, over the corpus', () => {
  let failures = 0;
  let slots = 0;
  for (const { sql } of readCorpus()) {
    try {
      slots += checkSlots(sql)?.slots ?? 0;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'PgError') throw error;
      failures++;
    }
  }
  expect(failures).toBe(rejected);
  expect(slots).toBeGreaterThan(7000);
});

const literals = [
  '0',
  '1',
  '2',
  '3',
  '1_0',
  '0x2',
  '007',
  '2147483647',
  '2147483648',
  '2147483649',
  '5000000000',
  '9223372036854775807',
  '9223372036854775808',
  '1.0',
  '.5',
  '2e1',
  '5.',
  "'a'",
  "''",
  "'1'",
  "'it''s'",
  "E'\\n'",
  "E'\\'\\u0041'",
  '$$a$$',
  "$q$'$q$",
  "'a'\n 'b'",
  "U&'\\0041'",
  "N'a'",
  "B'01'",
  "X'1F'",
  '-1',
  '- 2',
  '-(3)',
  '- -4',
  '-2147483648',
  '-1.5',
  "-'a'",
  '+1',
  '$1',
  'NULL',
  'true',
];

/** Each `?` is a place for any literal. */
const skeletons = [
  'SELECT ? FROM t WHERE a = ? AND b IN (?, ?) ORDER BY ?, b LIMIT ? OFFSET ?',
  'SELECT a, ? FROM t GROUP BY ?, a HAVING max(b) > ? ORDER BY (?) FETCH FIRST ? ROWS ONLY',
  'SELECT DISTINCT ON (?) a, ? FROM t AS x (b) WHERE (a = ?)',
  'SELECT ?::numeric(?, 2), CAST(? AS varchar(?)), ?::float(?), ?::int[?]',
  'SELECT interval ? day, date ?, char(?) ?, interval(?) ?, bit varying(?) ?',
  'SELECT current_time(?), localtimestamp(?), float(?) ?',
  'SELECT sum(a) OVER (PARTITION BY ? ORDER BY ? ROWS ? PRECEDING), ? FROM t',
  'SELECT string_agg(a, ? ORDER BY ?), ? FROM t WINDOW w AS (ORDER BY ?)',
  'INSERT INTO t (a, b) VALUES (?, ?), (?, DEFAULT) ON CONFLICT (a) DO UPDATE SET b = ? RETURNING ?',
  'UPDATE t SET a = a + ?, b = a-? WHERE id=? RETURNING a - ?',
  'DELETE FROM t WHERE a = ? OR b <@ ? AND c = ANY (ARRAY[?, ?])',
  'WITH x AS (SELECT ? ORDER BY ?) SELECT x.limit, ? FROM x ORDER BY x.limit, ? LIMIT ?',
  '(SELECT ? ORDER BY ?) UNION SELECT ? ORDER BY ?',
  'SELECT a[?], a[?:?], (ARRAY[?])[?] FROM t TABLESAMPLE bernoulli(?) REPEATABLE (?)',
  'SELECT EXTRACT(year FROM ?), substring(? FROM ? FOR ?), ? AT TIME ZONE ?, ? COLLATE "C"',
  'MERGE INTO t USING s ON t.a = ? WHEN MATCHED THEN UPDATE SET b = ? WHEN NOT MATCHED THEN INSERT VALUES (?)',
  'SELECT * FROM f(?) AS g(a numeric(?), b bit(?)) GROUP BY GROUPING SETS ((?), (a)), ? LIMIT ?',
  `SELECT JSON_VALUE(a, ?), x FROM JSON_TABLE(a, ? COLUMNS (b int PATH ?, c varchar(?) PATH ?)) ORDER BY ?`,
  'VALUES (?, ?), (?, ?) ORDER BY ? LIMIT ?',
];

describe('statements of one key', () => {
  const trees = new Map<string, { sql: string; tree: string }>();
  const counts = { parsed: 0, repeated: 0 };

  function check(sql: string): void {
    const normalized = normalize(Buffer.from(sql));
    if (normalized === undefined) return;
    let tree: string;
    try {
      tree = maskedTree(sql, normalized).text;
    } catch {
      return;
    }
    counts.parsed++;
    const known = trees.get(normalized.key);
    if (known === undefined) trees.set(normalized.key, { sql, tree });
    else if (known.sql !== sql) {
      counts.repeated++;
      if (tree !== known.tree) expect({ sql, tree }).toEqual({ sql: known.sql, tree: known.tree });
    }
  }

  it('have one tree, over the corpus and with other literals in it', () => {
    const statements = readCorpus().flatMap(({ sql }) => {
      const slots = normalize(Buffer.from(sql))?.slots ?? [];
      return slots.length > 0 && slots.length < 40 ? [{ sql, slots }] : [];
    });
    for (const { sql } of readCorpus()) check(sql);
    assertProperty(
      property(
        constantFrom(...statements),
        nat({ max: 39 }),
        constantFrom(...literals),
        ({ sql, slots }, place, text) => {
          const slot = slots[place % slots.length];
          if (slot === undefined) return;
          const bytes = Buffer.from(sql);
          check(`${bytes.toString('utf8', 0, slot.start)} ${text} ${bytes.toString('utf8', slot.end)}`);
        },
      ),
      { numRuns: 3000, seed: 1 },
    );
  });

  it('have one tree, over all places where a literal can stand', () => {
    assertProperty(
      property(
        constantFrom(...skeletons),
        array(constantFrom(...literals), { minLength: 9, maxLength: 9 }),
        (skeleton, values) => {
          let next = 0;
          check(skeleton.replaceAll('?', () => values[next++] ?? '1'));
        },
      ),
      { numRuns: 4000, seed: 2 },
    );
    // Literals of few kinds meet again under one key.
    for (const kinds of [literals.slice(0, 7), literals.slice(17, 27), ['-1', '- 2', '-(3)', '1', '5000000000']]) {
      assertProperty(
        property(
          constantFrom(...skeletons),
          array(constantFrom(...kinds), { minLength: 9, maxLength: 9 }),
          (skeleton, values) => {
            let next = 0;
            check(skeleton.replaceAll('?', () => values[next++] ?? '1'));
          },
        ),
        { numRuns: 1500, seed: 3 },
      );
    }
    expect(counts.repeated).toBeGreaterThan(1500);
  });
});
