/** pgx, by `go test -json`. */

import { readGo } from './readers.js';
import { connectionString, type Suite } from './suite.js';

export const pgx: Suite = {
  name: 'pgx',
  repository: 'jackc/pgx',
  install: 'go mod download',
  leftOut: 'the ways to log in other than `trust`, which need a server that is set up for them',
  setup: ['CREATE EXTENSION hstore', 'CREATE EXTENSION ltree', 'CREATE DOMAIN uint64 AS numeric(20, 0)'],
  timeLimitSeconds: 1200,
  commands: (place) => [
    {
      program: 'go',
      parameters: ['test', '-json', '-count=1', '-p', '1', './...'],
      environment: {
        PGX_TEST_DATABASE: connectionString(place),
        PGX_TEST_TCP_CONN_STRING: connectionString(place),
      },
    },
  ],
  read: readGo,
};
