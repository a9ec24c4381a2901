/**
 * postgres.js: its tests with a harness of ours in the place of its own, which ends at the first test that fails, and
 * with the users and the database made beforehand, which its own does by ALTER SYSTEM.
 */

import { readLines } from './readers.js';
import { libpqEnvironment, type Suite } from './suite.js';

const database = 'postgres_js_test';
const users = ['postgres_js_test', 'postgres_js_test_md5', 'postgres_js_test_scram'];

export const postgresJs: Suite = {
  name: 'postgres.js',
  repository: 'porsager/postgres',
  install: 'nothing',
  leftOut: 'the copies for CommonJS and Deno',
  setup: [
    `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`,
    ...users.map((user) => `DROP ROLE IF EXISTS ${user}`),
    ...users.map((user) => `CREATE ROLE ${user} LOGIN PASSWORD '${user}'`),
    `CREATE DATABASE ${database} OWNER postgres_js_test`,
  ],
  timeLimitSeconds: 400,
  commands: (place) => [
    {
      program: process.execPath,
      parameters: ['--import', new URL('postgres-js-hooks.js', import.meta.url).href, 'tests/index.js'],
      environment: libpqEnvironment(place),
    },
  ],
  read: readLines,
};
