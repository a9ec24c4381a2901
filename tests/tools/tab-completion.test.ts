/** The TAB key in psql, pressed in a terminal of its own: names are completed as on one server. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folder.js';
import { runProgram } from '../support/program.js';
import { startTestProxy, withClient, type TestProxy } from '../support/proxy.js';
import { describeWithTools } from '../support/requirement.js';
import { createDatabaseEverywhere, dropDatabaseEverywhere } from '../support/shared-servers.js';

const DATABASE = 'tools_tab';

/** Types each line of its input, TAB included, and prints what the terminal shows. */
const TERMINAL = `
import os, pty, select, sys, time
port, database, rc = sys.argv[1:4]
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM='dumb', PSQLRC=rc, PSQL_HISTORY='/dev/null', PAGER='cat', INPUTRC='/dev/null')
    os.execlp('psql', 'psql', '-h', '127.0.0.1', '-p', port, '-U', 'postgres', '-d', database)
shown = b''
def until(done, seconds):
    global shown
    end = time.time() + seconds
    while time.time() < end and not done():
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try: shown += os.read(terminal, 65536)
            except OSError: return
for line in sys.stdin.read().split('\\n'):
    if line == '': continue
    typed, expected = line.split('|')
    until(lambda: shown.rstrip().endswith(b'=#'), 10)
    shown = b''
    os.write(terminal, typed.encode().replace(b'<TAB>', b'\\t'))
    until(lambda: expected.encode() in shown, 10)
    print('shown' if expected.encode() in shown else repr(shown), flush=True)
    shown = b''
    os.write(terminal, b'\\x15\\n')
os.write(terminal, b'\\x15\\\\q\\n')
os.waitpid(pid, 0)
`;

describeWithTools(['psql', 'python3'], 'the TAB key in psql', () => {
  let proxy: TestProxy;

  beforeAll(async () => {
    const servers = await createDatabaseEverywhere(DATABASE);
    proxy = await startTestProxy(servers.shards);
    await withClient(proxy, DATABASE, async (client) => {
      await client.query('CREATE TABLE students (id int PRIMARY KEY, remarkable_name text)');
      await client.query('CREATE SCHEMA university');
    });
  });

  afterAll(async () => {
    await proxy.close();
    await dropDatabaseEverywhere(DATABASE);
  });

  it('completes tables, columns, schemas, settings, databases and functions', async () => {
    using folder = await temporaryFolder();
    const terminal = join(folder.path, 'terminal.py');
    await writeFile(terminal, TERMINAL);
    const lines = [
      ['SELECT * FROM stud<TAB>', 'students '],
      ['SELECT id FROM students WHERE rem<TAB>', 'remarkable_name '],
      ['UPDATE students SET rem<TAB>', 'remarkable_name '],
      ['DROP SCHEMA univ<TAB>', 'university '],
      ['SET statement_tim<TAB>', 'statement_timeout '],
      ['\\d stud<TAB>', 'ents'],
      ['\\c tools_t<TAB>', 'tools_tab '],
      ['\\df pg_size_pre<TAB>', 'pg_size_pretty'],
    ];
    const { stdout, stderr } = await runProgram('python3', [terminal, String(proxy.port), DATABASE, '/dev/null'], {
      input: lines.map((line) => line.join('|')).join('\n'),
      timeoutMs: 50_000,
    });
    expect({ stderr, shown: stdout.trim().split('\n') }).toEqual({ stderr: '', shown: lines.map(() => 'shown') });
  });
});
