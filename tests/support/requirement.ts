/**
 * Programs that some suites need beside Node. Where one is missing, CI fails, and a developer's run reports the suite
 * as skipped and says what to install: nothing is left out in silence.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './repo.js';

/** Where the migration tools of npm are installed, which are no dependencies of pgring's: createRequire() takes it. */
export const migrationTools = join(repositoryRoot, '.ci/tools/index.js');

const nodeTools = ['knex', 'pg', 'sequelize', 'typeorm', 'reflect-metadata', 'drizzle-orm', 'drizzle-kit'];
const requireAll = `const r = require('module').createRequire(process.argv[1]); ${JSON.stringify(nodeTools)}.map((name) => r.resolve(name))`;

/** How to see that a tool works, and the Debian package that brings it. */
const tools = {
  psql: { probe: ['psql', '--version'], install: 'apt-get install postgresql-client-15' },
  pgbench: { probe: ['pgbench', '--version'], install: 'apt-get install postgresql-15' },
  'postgresql-15': {
    probe: ['/usr/lib/postgresql/15/bin/postgres', '--version'],
    install: 'apt-get install postgresql-15',
  },
  'redis-server': { probe: ['redis-server', '--version'], install: 'apt-get install redis-server' },
  python3: { probe: ['python3', '--version'], install: 'apt-get install python3' },
  psycopg2: { probe: ['python3', '-c', 'import psycopg2'], install: 'pip install psycopg2-binary' },
  'tpchgen-cli': { probe: ['tpchgen-cli', '--version'], install: 'pip install tpchgen-cli' },
  'migration tools of npm': {
    probe: [process.execPath, '-e', requireAll, migrationTools],
    install: `npm install --prefix .ci/tools ${nodeTools.join(' ')}`,
  },
  'migration tools of Python': {
    probe: ['python3', '-c', 'import django, sqlalchemy, alembic'],
    install: 'pip install django sqlalchemy alembic',
  },
  openssl: { probe: ['openssl', 'version'], install: 'apt-get install openssl' },
  etcd: { probe: ['etcd', '--version'], install: 'apt-get install etcd-server' },
  pgbouncer: { probe: ['pgbouncer', '--version'], install: 'apt-get install pgbouncer' },
  setpriv: { probe: ['setpriv', '--version'], install: 'apt-get install util-linux' },
} as const;

type Tool = keyof typeof tools;

/** True when the tool works. Where it does not: throws in CI, else says what to install and returns false. */
export function requireTool(name: Tool): boolean {
  const { probe, install } = tools[name];
  const [program, ...parameters] = probe;
  if (spawnSync(program, parameters, { stdio: 'ignore' }).status === 0) return true;
  return unmet(`${name} is missing. Install it: ${install}`);
}

/** True when the tests run as root, which some need to become another user; else as for a missing tool. */
export function requireRoot(): boolean {
  return process.getuid?.() === 0 || unmet('these tests must be started by root');
}

/** A suite that needs tools: describe(), or describe.skip() where requireTool() says so. */
export function describeWithTools(needed: readonly Tool[], name: string, suite: () => void): void {
  const all = needed.map(requireTool).every(Boolean);
  if (all) describe(name, suite);
  else describe.skip(name, suite);
}

function unmet(message: string): false {
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') throw new Error(message);
  process.stderr.write(`\n*** SKIPPED: ${message}\n\n`);
  return false;
}
