/** Why an answer may differ from that of one PostgreSQL: mostly statements whose answer their text does not decide. */

interface Cause {
  readonly file: string;
  /** What the statements have in common. */
  readonly mark: RegExp;
  readonly cause: string;
}

const arrivalOrder = 'The rows have no order of their own, and the answer depends on it: ';

const causes: readonly Cause[] = [
  {
    file: 'transactions',
    mark: /^fetch\b/i,
    cause: `${arrivalOrder}a cursor whose query has no ORDER BY gives the shards' rows in another order.`,
  },
  {
    file: 'prepared_xacts',
    mark: /./,
    cause:
      'Follows a refused PREPARE TRANSACTION, which ends the transaction: nothing is prepared, locked or committed later. The answers are those of a server with max_prepared_transactions = 0.',
  },
  {
    file: 'insert',
    mark: /pg_size_pretty/,
    cause: 'A size: every shard has pages of its own.',
  },
  {
    file: 'update',
    mark: /range_parted set c = c - 50/,
    cause: 'A trigger FOR EACH STATEMENT fires on every shard that carries the statement out.',
  },
  {
    file: 'identity',
    mark: /itest8/,
    cause: 'nextval() of an identity column is called by name, for which the role needs a right to the sequence.',
  },
  {
    file: 'create_index',
    mark: /concur_reindex_ind5|concur_reindex_tab4/,
    cause:
      'CREATE INDEX CONCURRENTLY fails on one shard only, where the duplicates are: the detail says on which it was done. The home shard, whose catalog is shown, has a valid index.',
  },
  {
    file: 'create_index',
    mark: /pg_my_temp_schema|reindex_before|reindex_after/,
    cause:
      'Shows numbers and files of one server (its temporary schema, relfilenode), or follows a refused CREATE MATERIALIZED VIEW.',
  },
  {
    file: 'select_having',
    mark: /HAVING 1 < 2/,
    cause:
      'WHERE divides by zero. One PostgreSQL does not read the table at all, because nothing but constants is selected; shards filter the rows that they ship.',
  },
  { file: 'aggregates', mark: /agg_(hash|group)_/, cause: `${arrivalOrder}array_agg() without ORDER BY.` },
  {
    file: 'aggregates',
    mark: /balk\(/,
    cause:
      'The aggregate has another value when it is computed in parallel, which PostgreSQL chooses for its table and not for rows that were shipped.',
  },
  {
    file: 'window',
    mark: /\bover\b|unbounded_syntax_test/i,
    cause: `${arrivalOrder}a window without an ORDER BY that tells all rows apart.`,
  },
  { file: 'tsrf', mark: /over\(\)/i, cause: `${arrivalOrder}lag() over a window without ORDER BY.` },
  {
    file: 'portals',
    mark: /^fetch\b/i,
    cause: `${arrivalOrder}a cursor whose query has no ORDER BY gives the shards' rows in another order.`,
  },
  {
    file: 'portals',
    mark: /pg_cursors/,
    cause:
      'pg_cursors is made of what pgring knows of its portals: the columns come from no table; or the cursor was not made, see below.',
  },
  {
    file: 'portals',
    mark: /current_check/,
    cause: `${arrivalOrder}a cursor whose query has no ORDER BY gives the shards' rows in another order.`,
  },
  {
    file: 'portals',
    mark: /EXECUTE cprep/i,
    cause:
      'pg_cursors calls a held cursor over functions scrollable, where PostgreSQL finds that its plan cannot be read backwards.',
  },
  {
    file: 'portals',
    mark: /DELETE FROM uctest WHERE CURRENT OF c$/i,
    cause:
      'Both refuse, with SQLSTATE 24000: pgring finds first that the cursor stands on no row, PostgreSQL that it is over another table.',
  },
  {
    file: 'join',
    mark: /limit 1\) as ss1/,
    cause: `${arrivalOrder}LIMIT 1 without ORDER BY.`,
  },
  {
    file: 'subselect',
    mark: /tattle\(/,
    cause: `${arrivalOrder}the NOTICEs of a function that is called for each row come in the order of the rows.`,
  },
];

export function knownCause(file: string, sql: string): string | undefined {
  return causes.find((each) => each.file === file && each.mark.test(sql))?.cause;
}
