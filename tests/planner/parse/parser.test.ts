import { setImmediate as nextTurn } from 'node:timers/promises';
import { PgError } from '../../../base/errors.js';
import { MAX_PARSED_BYTES, loadParser, parseStatements } from '../../../planner/parse/parser.js';

function errorOf(sql: string): { sqlstate: string; message: string; position: number | undefined } {
  try {
    parseStatements(sql);
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return { sqlstate: error.sqlstate, message: error.message, position: error.fields.position };
  }
  throw new Error(`parsed without an error: ${sql.slice(0, 80)}`);
}

const nested = `SELECT ${'1+'.repeat(30_000)}1`;

beforeAll(loadParser);

describe('statements', () => {
  it.each([
    ['SELECT 1', ['SELECT 1']],
    ['  SELECT 1 ; ', ['SELECT 1']],
    ['/* a */ SELECT 1 -- b', ['SELECT 1']],
    ["SELECT 'é';;-- x\n ;SELECT 2/*;*/;", ["SELECT 'é'", 'SELECT 2']],
    [
      'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; TABLE x',
      ['CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END', 'TABLE x'],
    ],
    [
      'CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b);',
      ['CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b)'],
    ],
    ['', []],
    [' ; -- nothing', []],
    ["INSERT INTO ü VALUES (';'); TABLE ü", ["INSERT INTO ü VALUES (';')", 'TABLE ü']],
  ])('%j', (sql, expected) => {
    const bytes = Buffer.from(sql);
    const found = parseStatements(sql).map(({ start, end }) => bytes.toString('utf8', start, end));
    expect(found).toEqual(expected);
  });

  it('gives the tree of each', () => {
    const [first, second] = parseStatements('SELECT 1; DELETE FROM t');
    expect(Object.keys(first?.node ?? {})).toEqual(['SelectStmt']);
    expect(Object.keys(second?.node ?? {})).toEqual(['DeleteStmt']);
  });
});

describe('errors', () => {
  it.each([
    ['SELECT FROM WHERE x', '42601', 'syntax error at or near "WHERE"', 13],
    ["SELECT 'é' x y", '42601', 'syntax error at or near "y"', 14],
    ['SELECT (', '42601', 'syntax error at end of input', 9],
    ["SELECT 'abc", '42601', 'unterminated quoted string at or near "\'abc"', 8],
    ["SELECT E'\\u12'", '22025', 'invalid Unicode escape', 10],
    ['SELECT 1e', '42601', 'trailing junk after numeric literal at or near "1e"', 8],
    ['CREATE ASSERTION x CHECK (true)', '0A000', 'CREATE ASSERTION is not yet implemented', 1],
    ['SELECT 1::float(0)', '22023', 'precision for type float must be at least 1 bit', 17],
  ])('%s', (sql, sqlstate, message, position) => {
    expect(errorOf(sql)).toEqual({ sqlstate, message, position });
  });

  it('refuses a text that is too large', () => {
    const error = errorOf(`SELECT '${'x'.repeat(MAX_PARSED_BYTES)}'`);
    expect(error.sqlstate).toBe('54000');
  });
});

describe('expressions nested too deeply', () => {
  it('leave the parser as good as new, statement by statement', async () => {
    for (let round = 0; round < 40; round++) {
      expect(errorOf(nested)).toMatchObject({ sqlstate: '54001', message: 'stack depth limit exceeded' });
      expect(parseStatements('SELECT 1')).toHaveLength(1);
      await nextTurn();
    }
  });

  it('do so in a burst within one turn of the event loop, too', async () => {
    for (let round = 0; round < 60; round++) expect(errorOf(nested).sqlstate).toBe('54001');
    await nextTurn();
    expect(parseStatements('SELECT 1')).toHaveLength(1);
  });
});

it('does not grow with the number of parses', () => {
  const parseMany = (): number => {
    for (let round = 0; round < 20_000; round++) {
      if (round % 5 === 0) errorOf('SELECT FROM WHERE x y z');
      else parseStatements(`SELECT abalance FROM pgbench_accounts WHERE aid = ${round}`);
    }
    return process.memoryUsage().rss;
  };
  const before = parseMany();
  expect(parseMany() - before).toBeLessThan(30_000_000);
});
