import { assert, constantFrom, letrec, oneof, property, tuple, type Arbitrary } from 'fast-check';
import { loadParser, parseStatements } from '../../../planner/parse/parser.js';
import { crossCheck } from '../../../planner/parse/second-opinion.js';
import { readCorpus } from './corpus.js';

beforeAll(loadParser);

it('agrees with PostgreSQL wherever it is asked, over the corpus', () => {
  const counts = { agree: 0, differ: 0, 'outside guard': 0, rejected: 0, unreadable: 0 };
  const disagreements: string[] = [];
  for (const { sql } of readCorpus()) {
    try {
      const { verdict, detail } = crossCheck(sql);
      counts[verdict]++;
      if (verdict === 'differ') disagreements.push(`${sql}\n${detail}`);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'PgError') throw error;
      counts.unreadable++;
    }
  }
  process.stdout.write(`cross-check over the corpus: ${JSON.stringify(counts)}\n`);
  expect(disagreements).toEqual([]);
  expect(counts.agree).toBeGreaterThan(280);
});

it.each([
  ["SELECT * FROM s.T AS x, u WHERE x.A = 5 AND u.b = 'z' AND c = $1 AND 6 = d ORDER BY 1, b LIMIT 5 OFFSET 2"],
  ['SELECT count(*) FROM t GROUP BY a, b'],
  ["INSERT INTO t (a, b) VALUES (1, $2), ('x', 3)"],
  ['UPDATE t SET a = 1 WHERE id = 5 AND (b = 6 AND c = 7)'],
  ['DELETE FROM t WHERE id = $1'],
])('agrees on %s', (sql) => {
  expect(crossCheck(sql)).toMatchObject({ verdict: 'agree' });
});

/** Text of parts with blanks between them; a string stands for itself. */
function phrase(...parts: (string | Arbitrary<string>)[]): Arbitrary<string> {
  return tuple(...parts.map((part) => (typeof part === 'string' ? constantFrom(part) : part))).map((texts) =>
    texts.join(' '),
  );
}

const { condition } = letrec<{ value: string; condition: string; conjunction: string }>((tie) => ({
  value: oneof(
    { maxDepth: 2 },
    constantFrom('a', 'b', 't.c', '5', '-5', "'x'", '$1', 'f(a)', '(a)', '(5)', 'true', 'NULL'),
    phrase(tie('value'), constantFrom('+', '*', '/', '%', '||'), tie('value')),
    phrase('(', tie('value'), ')'),
  ),
  condition: oneof(
    { maxDepth: 3 },
    phrase(tie('value'), constantFrom('=', '=', '=', '<', '>=', '<>'), tie('value')),
    phrase('(', tie('conjunction'), ')'),
    phrase('NOT', tie('condition')),
    phrase(tie('value'), 'BETWEEN', tie('value'), 'AND', tie('value')),
    phrase(
      tie('value'),
      constantFrom("LIKE 'x'", 'IS NULL', 'IS NOT NULL', 'IN (1, $2)', 'NOT IN (3)', 'NOT BETWEEN 1 AND 2'),
    ),
    phrase(tie('condition'), '= true'),
  ),
  conjunction: oneof({ maxDepth: 3 }, tie('condition'), phrase(tie('condition'), 'AND', tie('conjunction'))),
}));

it('agrees on random conditions inside the guard', () => {
  const counts = { agree: 0, differ: 0, 'outside guard': 0, rejected: 0 };
  const head = constantFrom(
    'SELECT a FROM t WHERE',
    'DELETE FROM t WHERE',
    'UPDATE t SET a = 1 WHERE',
    'SELECT 1 FROM t JOIN u ON',
  );
  assert(
    property(head, condition, condition, (start, first, second) => {
      const sql = `${start} ${first} AND ${second}`;
      try {
        parseStatements(sql);
      } catch {
        return;
      }
      const { verdict, detail } = crossCheck(sql);
      counts[verdict]++;
      if (verdict === 'differ') throw new Error(`${sql}\n${detail}`);
    }),
    { numRuns: 1500, seed: 5 },
  );
  expect(counts.agree).toBeGreaterThan(500);
});

it('records the facts', () => {
  const { detail } = crossCheck("SELECT a FROM s.t JOIN u ON t.x = u.x WHERE t.id = 5 AND b > 3 AND 'y' = c LIMIT $1");
  expect(JSON.parse(detail)).toEqual({
    tables: ['s.t', 'u'],
    equalities: ["c='y'", 't.id=5'],
    limit: '$1',
    orderBy: 0,
    groupBy: 0,
  });
});

it.each([
  ['DELETE FROM t WHERE a = 1 OR b = 2 AND tenant_id = 3', 'the word or'],
  ['SELECT "A" FROM t', 'a quoted name'],
  ['WITH x AS (SELECT 1) SELECT * FROM x', 'verb with'],
  ['SELECT a FROM t UNION SELECT b FROM u', 'the word union'],
  ["SELECT a FROM t WHERE b = E'x'", 'a string with quotes or escapes'],
  ['SELECT a FROM t WHERE b = 1234567890123456', 'an unusual number'],
  ['SELECT a FROM t WHERE b = 1::int', 'the symbol ::'],
  ['SELECT a FROM t WHERE b IN (SELECT c FROM u)', 'a second select'],
  ['SELECT 1; DELETE FROM t', 'a second delete'],
  ['BEGIN', 'verb begin'],
])('is not asked about %s', (sql, detail) => {
  expect(crossCheck(sql)).toEqual({ verdict: 'outside guard', detail });
});
