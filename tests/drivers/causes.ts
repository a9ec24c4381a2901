/** Why a test may pass on PostgreSQL and not on pgring: found by reading each. */

interface Cause {
  readonly suite?: string;
  /** In the test's name, or in what the test says. */
  readonly test?: RegExp;
  readonly message?: RegExp;
  readonly cause: string;
}

const unordered =
  'The test takes the order of the rows for granted, without ORDER BY: the shards’ rows come in another.';

const sessionsOfClients =
  'pg_terminate_backend() of a client’s process id, in a run from before pgring had it for clients’ sessions (tests/proxy/processes.test.ts): to be run again.';

const causes: readonly Cause[] = [
  {
    message: /PREPARE TRANSACTION\) is not supported/,
    cause: 'Refused: two-phase commit by the client. pgring’s own commit over several shards is one.',
  },
  {
    message: /client_encoding \S+ is not supported|client_enc|invalid byte sequence for encoding "UTF8": 0xa4/,
    cause: 'Refused: client encodings other than UTF8 and SQL_ASCII; pgring reads statements as UTF-8.',
  },
  {
    message: /replication connections are not supported/,
    cause: 'Refused: replication connections. There is no one log of changes.',
  },
  {
    message: /function calls by protocol message/,
    cause: 'Refused: the FunctionCall message (legacy of the protocol).',
  },
  {
    message: /backslash while standard_conforming_strings is off/,
    cause:
      'Refused: a backslash in a literal while standard_conforming_strings is off, which the grammar would read otherwise.',
  },
  {
    message: /foreign key .* that leaves the shard/,
    cause: 'Refused: a foreign key between sharded tables that is not on the shard key.',
  },
  {
    message: /DO block, which cannot be read/,
    cause: 'Refused: a DO block with EXECUTE, whose effects cannot be told.',
  },
  { suite: 'psycopg', test: /test_copy_in_text_no_pinning|test_executemany/, cause: unordered },
  { suite: 'postgres.js', test: /Copy from file|fragments as dynamic parameters/, cause: unordered },
  { message: /CREATE PUBLICATION is not supported/, cause: 'Refused: publications, which are of one server’s log.' },
  {
    message: /changing the type of the shard key/,
    cause:
      'Refused: another type for the column that CREATE TABLE has chosen as the shard key, for its rows would have other owners.',
  },
  {
    message: /severity_local: 'NOTICE'.*is sharded by/,
    cause: 'CREATE TABLE says by a NOTICE where it has put the table; the test takes the next notice for its own.',
  },
  {
    suite: 'psycopg',
    test: /test_(connect|getconn)_(no_)?check|test_stats_check|test_check_connection|test_broken|test_reset|no_clobber|server_disconnect/,
    cause: sessionsOfClients,
  },
  {
    suite: 'pgx',
    test: /Fatal|TestConnCheckConn|TestConnPing|ChecksIdleConns|FailsFatally|CheckIdleConn/,
    cause: sessionsOfClients,
  },
  {
    suite: 'pgx',
    message: /operated on temporary objects/,
    cause:
      'One query string drops a table, on all shards, and makes a temporary one: PostgreSQL cannot prepare a transaction with temporary objects.',
  },
  {
    suite: 'pg',
    test: /1105-tests/,
    cause: 'Time: 5,000 statements one after the other within 5 seconds, on two busy processors.',
  },
  {
    suite: 'postgres.js',
    test: /big query body|Throws if more than 65534|implicit cast of unknown|only allows one statement/,
    cause:
      'Time: one INSERT of 50,000 parameters takes more than 2 seconds on busy processors, and the tests after it wait on the same connection, or get its answer.',
  },
  {
    suite: 'pg-pool',
    test: /should timeout on query if all clients are busy|emits acquire every time/,
    cause:
      'Time: connects within 100 ms, or counts what 20 clients have done by then. The second also fails on PostgreSQL at times.',
  },
  {
    suite: 'pg-copy-streams',
    test: /erroneous stream \(internal error\)/,
    cause: 'Time: cancels 20 ms after sending, when the statement may not have begun.',
  },
  {
    suite: 'psycopg',
    message: /set_config\(\) in a larger statement/,
    cause:
      'set_config() with parameters, which pgring carries out since this run (a test in tests/drivers/node-postgres.test.ts).',
  },
  {
    suite: 'psycopg',
    test: /notify/i,
    message: /pid/,
    cause:
      'A notification carries the process id of the server’s process that sent it, not that of the client’s session.',
  },
];

export function causeOf(
  suite: string,
  test: string,
  message: string,
  passes: 'PostgreSQL' | 'pgring',
): string | undefined {
  if (passes === 'pgring') return 'Passes on pgring: the test depends on time or on the machine.';
  return causes.find(
    (each) =>
      (each.suite === undefined || each.suite === suite) &&
      (each.test === undefined || each.test.test(test)) &&
      (each.message === undefined || each.message.test(message)),
  )?.cause;
}
