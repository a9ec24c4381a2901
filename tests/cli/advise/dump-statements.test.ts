import { readDump, type DumpPart } from '../../../cli/advise/dump-statements.js';

async function parts(text: string): Promise<readonly DumpPart[]> {
  const lines = async function* (): AsyncGenerator<string> {
    for (const line of text.split('\n')) yield await Promise.resolve(line);
  };
  const found: DumpPart[] = [];
  for await (const part of readDump(lines())) found.push(part);
  return found;
}

async function statements(text: string): Promise<readonly string[]> {
  return (await parts(text)).flatMap((part) => (part.kind === 'statement' ? [part.sql] : []));
}

describe('the statements of a dump', () => {
  it('end at semicolons that are not in quotes, bodies or brackets', async () => {
    const text = `-- a comment; with one
      SELECT ';', ";", E'\\';', 'it''s;' /* no; /* nested; */ end; */ , 1;
      CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
      CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS $body$ BEGIN PERFORM $$;$$; END; $body$;
      CREATE FUNCTION h() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
      CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);
      SELECT $1, a$b;`;
    const found = await statements(text);
    expect(found.map((sql) => sql.split(/\s+/).slice(0, 3).join(' '))).toEqual([
      `SELECT ';', ";",`,
      'CREATE FUNCTION f()',
      'CREATE FUNCTION g()',
      'CREATE FUNCTION h()',
      'CREATE RULE r',
      'SELECT $1, a$b;',
    ]);
    expect(found[0]).not.toContain('nested');
  });

  it('come without their rows, which are counted', async () => {
    const text = `\\connect shop
CREATE TABLE t (a int, b text);
COPY public."t;" (a, b) FROM stdin;
1\tx; y
2\t'
\\.
/* some more */
INSERT INTO t VALUES (1, '),('), (2, (SELECT 1)),
  (3, 'c');
INSERT INTO t VALUES (4, 'd');
SELECT 1`;
    expect(await parts(text)).toEqual([
      { kind: 'statement', sql: 'CREATE TABLE t (a int, b text);', line: 2 },
      { kind: 'rows', sql: 'COPY public."t;" (a, b) FROM stdin;', rows: 2, bytes: 9 },
      expect.objectContaining({ kind: 'rows', rows: 3 }),
      expect.objectContaining({ kind: 'rows', rows: 1 }),
      { kind: 'statement', sql: 'SELECT 1', line: 11 },
    ]);
  });
});
