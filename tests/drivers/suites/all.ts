/** The suites, in the order in which they run. */

import { nodePostgres, packagesOfNodePostgres } from './node-postgres.js';
import { pgx } from './go.js';
import { postgresJs } from './postgres-js.js';
import { pythonSuites } from './python.js';
import type { Suite } from './suite.js';

export const suites: readonly Suite[] = [nodePostgres, ...packagesOfNodePostgres, postgresJs, ...pythonSuites, pgx];
