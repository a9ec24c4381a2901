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

const causes: readonly Cause[] = [
  {
    message: /PREPARE TRANSACTION\) is not supported/,
    cause: 'Refused: two-phase commit by the client. pgring’s own commit over several shards is one.',
  },
  {
    message: /client_encoding \S+ is not supported|client_enc/,
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
