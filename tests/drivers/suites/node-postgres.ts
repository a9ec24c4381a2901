/** node-postgres: pg's integration tests, each a program of its own, and Mocha's suites of the packages around it. */

import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readMocha, readNodeProgram } from './readers.js';
import { libpqEnvironment, type Command, type Place, type Suite } from './suite.js';

const install = 'npm install --ignore-scripts && npx tsc --build';
const repository = 'brianc/node-postgres';

export const nodePostgres: Suite = {
  name: 'pg',
  repository,
  install,
  leftOut: 'unit tests, which need no server, and pg-native',
  setup: [],
  timeLimitSeconds: 60,
  commands: (place) => {
    const folder = join(place.folder, 'packages/pg');
    return readdirSync(join(folder, 'test/integration'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('-tests.js'))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .toSorted()
      .map((file) => ({
        title: file.replace('test/integration/', ''),
        program: process.execPath,
        parameters: [file],
        folder: 'packages/pg',
        environment: { ...libpqEnvironment(place), PGTESTNOSSL: 'true', NODE_NO_WARNINGS: '1' },
      }));
  },
  read: readNodeProgram,
};

function mocha(place: Place, folder: string, parameters: readonly string[]): readonly Command[] {
  const reporter = [
    '--exit',
    '--timeout',
    '20000',
    '--reporter',
    'json',
    '--reporter-option',
    `output=${place.resultFile}`,
  ];
  return [
    {
      program: 'npx',
      parameters: ['mocha', ...reporter, ...parameters],
      folder,
      environment: libpqEnvironment(place),
    },
  ];
}

function mochaSuite(name: string, parameters: readonly string[]): Suite {
  return {
    name,
    repository,
    install,
    setup: [],
    timeLimitSeconds: 300,
    commands: (place) => mocha(place, join('packages', name), parameters),
    read: readMocha,
  };
}

export const packagesOfNodePostgres: readonly Suite[] = [
  mochaSuite('pg-cursor', []),
  mochaSuite('pg-pool', []),
  mochaSuite('pg-query-stream', ['-r', 'ts-node/register', 'test/**/*.ts']),
  {
    name: 'pg-copy-streams',
    repository: 'brianc/node-pg-copy-streams',
    install: 'npm install --ignore-scripts',
    setup: [],
    timeLimitSeconds: 300,
    commands: (place) => mocha(place, '.', ['--v8-expose-gc']),
    read: readMocha,
  },
];
