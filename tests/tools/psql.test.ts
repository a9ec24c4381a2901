/** psql's own commands through pgring give what the same psql gets from one server of the same version. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder, type TemporaryFolder } from '../support/folder.js';
import type { ProgramResult } from '../support/program.js';
import { startTestProxy, type TestProxy } from '../support/proxy.js';
import { runPsql, type PsqlOptions } from '../support/psql.js';
import { describeWithTools } from '../support/requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere, type SharedServers } from '../support/shared-servers.js';

const DATABASE = 'tools_psql';

const SCHEMA = `
  SET client_min_messages = warning;
  CREATE TABLE students (id int PRIMARY KEY, name text NOT NULL, born date DEFAULT now(), score numeric(5,2));
  CREATE TABLE grades (student_id int REFERENCES students, subject text, grade int CHECK (grade > 0),
    PRIMARY KEY (student_id, subject));
  CREATE INDEX students_name ON students (name);
  COMMENT ON TABLE students IS 'who learns';
  CREATE VIEW seniors AS SELECT id, name FROM students WHERE id = 1;
  CREATE SCHEMA school;
  CREATE TABLE school.rooms (id bigint PRIMARY KEY, tags text[]);
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  INSERT INTO students VALUES (1, 'Ada', '1815-12-10', 99.5), (2, 'Blaise', '1623-06-19', 88), (3, 'Carl', NULL, NULL);
  INSERT INTO grades VALUES (1, 'sums', 1), (1, 'logic', 2), (2, 'sums', 3);
`;

/** Meta-commands that ask the catalog. */
const describing = [
  '\\d',
  '\\d students',
  '\\d+ students',
  '\\d grades',
  '\\d school.rooms',
  '\\d students_name',
  '\\d+ seniors',
  '\\dt+',
  '\\dt *.*rooms',
  '\\di',
  '\\dv',
  '\\ds',
  '\\dn s*',
  '\\dT',
  '\\df',
  '\\df+ pg_catalog.age',
  '\\sf pg_catalog.lpad(text, int)',
  '\\sv seniors',
  '\\dp students',
  '\\du postgres',
  '\\dx',
  '\\dO C',
  '\\dc pg_catalog.utf8_to_*',
  '\\dC',
  '\\do =',
  '\\dFp',
  '\\dL',
  '\\dy',
  '\\ddp',
  '\\dRp',
  '\\d nowhere',
  `\\l+ ${DATABASE}`,
  '\\conninfo',
  '\\encoding',
  '\\z',
];

/** Scripts whose whole output must be the same. */
const scripts: Readonly<Record<string, string>> = {
  'rows fetched in portions': '\\set FETCH_COUNT 2\nSELECT * FROM students ORDER BY id;',
  'PREPARE and EXECUTE':
    'PREPARE one(int) AS SELECT name FROM students WHERE id = $1;\nEXECUTE one(2);\nDEALLOCATE one;\nEXECUTE one(2);',
  '\\copy of an ordered query': '\\copy (SELECT * FROM grades ORDER BY 1, 2) TO STDOUT',
  'expanded output': '\\x on\nSELECT * FROM students ORDER BY id;',
  '\\gset': "SELECT name AS who FROM students WHERE id = 2 \\gset\nSELECT :'who' AS who;",
  '\\gexec': "SELECT format('SELECT name FROM students WHERE id = %s', n) FROM generate_series(1, 3) n \\gexec",
  '\\crosstabview': 'SELECT student_id, subject, grade FROM grades ORDER BY 1, 2 \\crosstabview',
  '\\gdesc': 'SELECT id, name, score AS points FROM students \\gdesc',
  '\\gx': 'SELECT name FROM students WHERE id = 1 \\gx',
  '\\bind-free parameters': '\\set n 3\nSELECT name FROM students WHERE id = :n;',
  '\\if': 'SELECT count(*) > 2 AS many FROM students \\gset\n\\if :many\n\\echo many\n\\else\n\\echo few\n\\endif',
  '\\; in one message': "SELECT 1 AS a\\; SELECT name FROM students WHERE id = 3\\; SELECT 'x' AS c;",
  SHOW_ALL_RESULTS: '\\set SHOW_ALL_RESULTS off\nSELECT 1\\; SELECT 2;',
  ON_ERROR_ROLLBACK:
    '\\set ON_ERROR_ROLLBACK on\nBEGIN;\nUPDATE students SET score = 1 WHERE id = 1;\nSELECT 1/0;\n' +
    'SELECT score FROM students WHERE id = 1;\nROLLBACK;\nSELECT score FROM students WHERE id = 1;',
  'AUTOCOMMIT off':
    '\\set AUTOCOMMIT off\nUPDATE students SET score = 2 WHERE id = 2;\nROLLBACK;\nSELECT score FROM students WHERE id = 2;',
  'errors with their places': 'SELECT nothing FROM students;\nSELEC 1;\nSELECT * FROM absent;\n\\errverbose',
  VERBOSITY: "\\set VERBOSITY sqlstate\nINSERT INTO students VALUES (1, 'again');\nSELECT 'x'::int;",
  '\\copy to standard output':
    '\\copy (SELECT id, name FROM students WHERE id = 2) TO STDOUT WITH (FORMAT csv, HEADER)',
  '\\timing': '\\timing on\n\\timing off',
  transactions:
    'BEGIN;\nSAVEPOINT a;\nDELETE FROM grades WHERE student_id = 1;\nROLLBACK TO a;\nCOMMIT;\nSELECT * FROM grades ORDER BY 1, 2;',
  // psql 15 has no count for \\watch: the division by zero in the fourth round ends it.
  '\\watch': "CREATE SEQUENCE rounds;\nSELECT 12 / (4 - nextval('rounds')) AS left_over \\watch 0.1",
  '\\echo :variables': '\\echo :SERVER_VERSION_NUM :DBNAME :ENCODING',
  'ROW_COUNT and SQLSTATE':
    'SELECT * FROM students WHERE id < 3 ORDER BY id;\n\\echo :ROW_COUNT :SQLSTATE\nSELECT 1/0;\n\\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE',
  'aligned numbers and nulls': "\\pset null '(none)'\nSELECT * FROM students ORDER BY id;",
  html: '\\pset format html\nSELECT id, name FROM students ORDER BY id;',
};

/** What differs between two servers and says nothing about pgring. */
function normalise(result: ProgramResult, port: number): ProgramResult {
  const clean = (text: string): string =>
    text
      .replaceAll(String(port), 'PORT')
      .replaceAll(/^(LOCATION: .*|NOTICE: .*|HINT: .*)\n/gm, '')
      .replaceAll(/\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4} \(every .*\)/g, 'TIME')
      .replaceAll(/\b\d+(\.\d+)? (bytes|kB|MB)\b/g, 'SIZE')
      .replaceAll(/ +/g, ' ')
      .replaceAll(/-+/g, '-');
  return { ...result, stdout: clean(result.stdout), stderr: clean(result.stderr) };
}

describeWithTools(['psql'], 'psql through pgring', () => {
  let servers: SharedServers;
  let proxy: TestProxy;
  let folder: TemporaryFolder;

  const at = (port: number): PsqlOptions => ({ port, database: DATABASE, cwd: folder.path });
  const both = async (
    script: string,
    parameters: readonly string[] = [],
  ): Promise<{ pgring: ProgramResult; server: ProgramResult }> => {
    const [pgring, server] = await Promise.all(
      [proxy.port, servers.oracle.port].map(async (port) =>
        normalise(await runPsql(script, { port, database: DATABASE, parameters, cwd: folder.path }), port),
      ),
    );
    if (pgring === undefined || server === undefined) throw new Error('two answers');
    return { pgring, server };
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    servers = await createDatabaseEverywhere(DATABASE);
    proxy = await startTestProxy(servers.shards);
    const { pgring, server } = await both(SCHEMA);
    expect(pgring).toEqual(server);
    expect(pgring.stderr).toBe('');
  }, 120_000);

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(DATABASE);
    folder[Symbol.dispose]();
  });

  it.each(describing)('%s', async (command) => {
    const { pgring, server } = await both(`${command}\n`);
    expect(pgring).toEqual(server);
  });

  it.each(Object.entries(scripts))('%s', async (_name, script) => {
    const { pgring, server } = await both(`${script}\n`);
    expect(pgring).toEqual(server);
  });

  it('shows one schema more than one server has', async () => {
    const { stdout } = await runPsql('\\dn pgr*\n', { port: proxy.port, database: DATABASE, tuplesOnly: true });
    expect(stdout).toBe('pgring|postgres\n');
  });

  it('\\copy in and out, as text and CSV', async () => {
    for (const format of ['text', 'csv']) {
      const file = join(folder.path, `grades.${format}`);
      const script = `\\copy grades TO '${file}' WITH (FORMAT ${format})
BEGIN;
DELETE FROM grades;
\\copy grades FROM '${file}' WITH (FORMAT ${format})
COMMIT;
SELECT * FROM grades ORDER BY 1, 2;
`;
      // One after the other: both write the same file.
      const [pgring, server] = [await runPsql(script, at(proxy.port)), await runPsql(script, at(servers.oracle.port))];
      expect(pgring).toEqual(server);
      expect(pgring).toMatchObject({ stderr: '', stdout: expect.stringContaining('COPY 3') as string });
    }
    await writeFile(join(folder.path, 'rooms.csv'), 'id,tags\n1,"{a,b}"\n2,{}\n3,\n');
    const { pgring, server } = await both(
      "\\copy school.rooms FROM 'rooms.csv' WITH (FORMAT csv, HEADER)\nSELECT * FROM school.rooms ORDER BY id;\n" +
        "\\copy school.rooms FROM 'rooms.csv' WITH (FORMAT csv, HEADER)\nSELECT count(*) FROM school.rooms;\n",
    );
    expect(pgring).toEqual(server);
    expect(pgring.stderr).toContain('CONTEXT: COPY rooms, line 2');
  });

  it('-1 -f runs a file as one transaction', async () => {
    const file = join(folder.path, 'file.sql');
    await writeFile(file, "INSERT INTO students VALUES (10, 'Ten'), (11, 'Eleven');\nSELECT 1/0;\n");
    const failed = await both('', ['-1', '-v', 'ON_ERROR_STOP=1', '-f', file]);
    expect(failed.pgring).toEqual(failed.server);
    expect(failed.pgring.exitCode).toBe(3);
    await writeFile(
      file,
      "INSERT INTO students VALUES (10, 'Ten'), (11, 'Eleven');\nSELECT name FROM students ORDER BY id;\n",
    );
    const worked = await both('', ['-1', '-f', file]);
    expect(worked.pgring).toEqual(worked.server);
    expect(worked.pgring.stdout).toContain('Eleven');
    const removed = await both('DELETE FROM students WHERE id >= 10;\n');
    expect(removed.pgring).toEqual(removed.server);
  });

  it('-c several times, and no password prompt', async () => {
    for (const parameters of [
      ['-c', 'SELECT 1', '-c', 'SELECT count(*) FROM students'],
      ['-w', '-c', '\\q'],
    ]) {
      const { pgring, server } = await both('', parameters);
      expect(pgring).toEqual(server);
    }
  });
});
