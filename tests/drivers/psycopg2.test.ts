/** psycopg2: a Python program prints the same through pgring as on one PostgreSQL. */

import { join } from 'node:path';
import { runProgram } from '../support/program.js';
import { repositoryRoot } from '../support/repo.js';
import { describeWithTools } from '../support/requirement.js';
import { runOnBoth } from './run-on.js';

describeWithTools(['python3', 'psycopg2'], 'psycopg2', () => {
  it('a program with everything in it', async () => {
    const { pgring, postgres } = await runOnBoth('drivers_psycopg2', async ({ host, port, database }) => {
      const script = join(repositoryRoot, 'tests/drivers/psycopg2-script.py');
      const result = await runProgram('python3', [script, host, String(port), database], {});
      return { ...result, stdout: result.stdout.split('\n') };
    });
    expect(postgres.stderr).toBe('');
    expect(pgring).toEqual(postgres);
  });
});
