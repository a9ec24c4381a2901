import { expectCommitted, readDocument } from './committed.js';
import { parseGoldenFile, readGoldenFiles } from './golden-statements.js';
import { formatSupportedSql } from './supported-sql.js';

describe('docs/supported-sql.md', () => {
  it('is what the golden plans say', () => {
    expectCommitted('docs/supported-sql.md', formatSupportedSql(readGoldenFiles()));
  });
});

describe('the tables of README.md', () => {
  const readme = readDocument('README.md');
  const kinds = new Map(readGoldenFiles().flatMap((file) => file.statements.map(({ sql, kind }) => [sql, kind])));

  /** The statements in the first column of the table under a heading. */
  function quoted(heading: string): readonly string[] {
    const [, rest = ''] = readme.split(`\n### ${heading}\n`);
    const [section = ''] = rest.split(/\n#+ /);
    return [...section.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1] ?? '');
  }

  it.each([
    ['Runs', 'works'],
    ['Is refused', 'refused'],
  ])('%s: each statement has such a golden plan', (heading, kind) => {
    const statements = quoted(heading);
    expect(statements.length).toBeGreaterThan(5);
    expect(statements.map((sql) => [sql, kinds.get(sql)])).toEqual(statements.map((sql) => [sql, kind]));
  });
});

describe('parseGoldenFile', () => {
  it('tells what runs, what is refused and what is wrong', () => {
    const text = `# Some title.

# types: 20
SELECT 1
  > One shard, read: the home shard
  > more

SELECT
  2
  > Refused: 0A000 SELECT 2 is not supported by pgring yet
  > Hint: Take 1.

SELECT * FROM nowhere
  > Refused: 42P01 relation "nowhere" does not exist
`;
    expect(parseGoldenFile(text)).toEqual({
      title: 'Some title',
      statements: [
        { sql: 'SELECT 1', outcome: 'One shard, read: the home shard', hint: undefined, kind: 'works' },
        { sql: 'SELECT   2', outcome: 'SELECT 2', hint: 'Take 1.', kind: 'refused' },
        {
          sql: 'SELECT * FROM nowhere',
          outcome: 'relation "nowhere" does not exist',
          hint: undefined,
          kind: 'wrong',
        },
      ],
    });
  });
});
