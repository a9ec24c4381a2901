/**
 * `npm run fuzz -- --minutes N --seed S`: random SELECTs for as long as is wanted (select-random.test.ts); with `--writes`,
 * random programs that write (writes-random.test.ts).
 */

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { exitOf } from '../support/program.js';
import { repositoryRoot } from '../support/repo.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    failures: { type: 'string', default: '3' },
    writes: { type: 'boolean', default: false },
  },
});

const jest = ['--experimental-vm-modules', '--no-warnings', '--enable-source-maps', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, values.writes ? 'oracle/writes-random' : 'oracle/select-random'], {
  cwd: repositoryRoot,
  stdio: 'inherit',
  env: {
    ...process.env,
    PGRING_FUZZ_MINUTES: values.minutes,
    PGRING_FUZZ_SEED: values.seed,
    PGRING_FUZZ_FAILURES: values.failures,
  },
});
await exitOf(child);
process.exitCode = child.exitCode ?? 1;
