/** psycopg 3 and asyncpg, by pytest of the virtual environment `venv` beside the checkouts. */

import { join } from 'node:path';
import { readJunit } from './readers.js';
import { connectionString, libpqEnvironment, type Place, type Suite } from './suite.js';

function pytest(
  place: Place,
  parameters: readonly string[],
): { readonly program: string; readonly parameters: readonly string[] } {
  const common = ['-q', '-p', 'no:randomly', '--timeout', '60', `--junitxml=${place.resultFile}`];
  return { program: join(place.sources, 'venv/bin/pytest'), parameters: [...common, ...parameters] };
}

export const pythonSuites: readonly Suite[] = [
  {
    name: 'psycopg',
    repository: 'psycopg/psycopg',
    install:
      "python3 -m venv ../venv && ../venv/bin/pip install pytest pytest-timeout 'anyio>=4.0' pproxy dnspython shapely numpy",
    leftOut: 'tests marked slow, timing or mypy; the Python implementation of libpq’s wrapper is used',
    setup: [],
    timeLimitSeconds: 1500,
    commands: (place) => [
      {
        ...pytest(place, ['-m', 'not slow and not mypy and not timing', 'tests']),
        environment: {
          PYTHONPATH: ['psycopg', 'psycopg_pool'].map((name) => join(place.folder, name)).join(':'),
          PSYCOPG_IMPL: 'python',
          PSYCOPG_TEST_DSN: connectionString(place),
        },
      },
    ],
    read: readJunit,
  },
  {
    name: 'asyncpg',
    repository: 'MagicStack/asyncpg',
    install: '../venv/bin/pip install pytest pytest-timeout asyncpg distro',
    leftOut: 'tests that start servers of their own (authentication, TLS, standby)',
    setup: [],
    timeLimitSeconds: 1200,
    commands: (place) => [
      {
        ...pytest(place, ['--ignore', 'tests/test__sourcecode.py', 'tests']),
        environment: libpqEnvironment(place),
      },
    ],
    read: readJunit,
  },
];
