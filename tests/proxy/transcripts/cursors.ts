/** Cursors and prepared statements of SQL beside those of the protocol: one namespace, and formats by either's rules. */

import {
  bind,
  closePortal,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  parse,
  query,
  sync,
  turn,
  type Transcript,
} from './transcript.js';

const all = 'SELECT id, v FROM t ORDER BY id';
const one = 'SELECT id, v FROM t WHERE id = 3';
const combined = 'SELECT id % 3 AS k, count(DISTINCT v) FROM t GROUP BY 1 ORDER BY 1';

/** The same over several shards, one shard, and a combined statement. */
function overEach(name: string, turns: (select: string) => Transcript['turns']): readonly Transcript[] {
  return [
    { name: `${name}, several shards`, turns: turns(all) },
    { name: `${name}, one shard`, turns: turns(one) },
    { name: `${name}, combined`, turns: turns(combined) },
  ];
}

export const cursors: readonly Transcript[] = [
  ...overEach('Execute and Describe of a declared cursor', (select) => [
    turn(query('BEGIN')),
    turn(query(`DECLARE c SCROLL CURSOR FOR ${select}`)),
    turn(describePortal('c'), sync),
    turn(execute(2, 'c'), sync),
    turn(query('FETCH 1 FROM c')),
    turn(execute(0, 'c'), sync),
    turn(bind([], { portal: 'c' }), sync),
    turn(query('ROLLBACK')),
    turn(execute(0, 'c'), sync),
  ]),
  ...overEach('Close of a declared cursor', (select) => [
    turn(query('BEGIN')),
    turn(query(`DECLARE c CURSOR FOR ${select}`)),
    turn(closePortal('c'), sync),
    turn(query(`DECLARE c CURSOR FOR ${select}`)),
    turn(query('FETCH 1 FROM c; CLOSE c')),
    turn(query('FETCH 1 FROM c')),
    turn(query('ROLLBACK')),
  ]),
  ...overEach('FETCH by the extended protocol, in text and in binary', (select) => [
    turn(query('BEGIN')),
    turn(query(`DECLARE c SCROLL CURSOR FOR ${select}`)),
    turn(parse('FETCH 1 FROM c', 'f'), describeStatement('f'), sync),
    turn(bind([], { statement: 'f' }), describePortal(), execute(), sync),
    turn(bind([], { statement: 'f', results: [1] }), describePortal(), execute(), sync),
    turn(bind([], { statement: 'f', results: [0, 1] }), execute(), sync),
    turn(parse('MOVE FIRST IN c'), describeStatement(), bind(), describePortal(), execute(), sync),
    turn(query('ROLLBACK')),
    turn(closeStatement('f'), sync),
  ]),
  ...overEach('a BINARY cursor by both protocols', (select) => [
    turn(query('BEGIN')),
    turn(query(`DECLARE c BINARY SCROLL CURSOR FOR ${select}`)),
    turn(query('FETCH 1 FROM c')),
    turn(parse('FETCH 1 FROM c'), bind(), describePortal(), execute(), sync),
    turn(parse('FETCH FIRST FROM c'), bind([], { results: [1] }), describePortal(), execute(), sync),
    turn(query('ROLLBACK')),
  ]),
  {
    name: 'FETCH from a bound portal, several shards',
    turns: [
      turn(query('BEGIN')),
      turn(parse(all), bind([], { portal: 'p' }), execute(2, 'p'), sync),
      turn(query('FETCH 2 FROM p')),
      turn(query('DECLARE p CURSOR FOR SELECT 1')),
      turn(query('ROLLBACK')),
    ],
  },
  {
    name: 'CLOSE of bound portals',
    turns: [
      turn(query('BEGIN')),
      turn(parse(all), bind([], { portal: 'p' }), bind([], { portal: 'q' }), sync),
      turn(query('CLOSE p')),
      turn(query('CLOSE ALL')),
      turn(execute(1, 'q'), sync),
      turn(query('ROLLBACK')),
    ],
  },
  {
    name: 'DECLARE with parameters',
    turns: [
      turn(query('BEGIN')),
      turn(parse('DECLARE c CURSOR FOR SELECT id, v FROM t WHERE id > $1 ORDER BY id'), describeStatement(), sync),
      turn(bind(['17']), execute(), sync),
      turn(query('FETCH ALL FROM c')),
      turn(parse('DECLARE d CURSOR FOR SELECT v FROM t WHERE id = $1'), bind(['17']), execute(), sync),
      turn(query('FETCH ALL FROM d')),
      turn(query('COMMIT')),
    ],
  },
  {
    name: 'PREPARE and Parse have one namespace',
    turns: [
      turn(query('PREPARE s AS SELECT id, v FROM t WHERE id = $1')),
      turn(parse(all, 's'), sync),
      turn(describeStatement('s'), sync),
      turn(bind(['3'], { statement: 's' }), describePortal(), execute(), sync),
      turn(query('DEALLOCATE s')),
      turn(parse('SELECT id FROM t WHERE id > $1 ORDER BY id', 's'), sync),
      turn(query('EXECUTE s(17)')),
      turn(query('PREPARE s AS SELECT 1')),
      turn(closeStatement('s'), sync),
      turn(query('EXECUTE s(17)')),
    ],
  },
  {
    name: 'EXECUTE by the extended protocol',
    turns: [
      turn(parse('EXECUTE nosuch(1)'), describeStatement(), sync),
      turn(parse('EXECUTE nosuch(1)'), bind(), execute(), sync),
      turn(query(`PREPARE s(int) AS SELECT id, v FROM t WHERE id > $1 ORDER BY id`)),
      turn(parse('EXECUTE s(15)'), describeStatement(), bind(), describePortal(), execute(), sync),
      turn(parse('EXECUTE s(15)'), bind([], { results: [1] }), describePortal(), execute(), sync),
      turn(parse('EXPLAIN (COSTS OFF) EXECUTE s(15)'), describeStatement(), sync),
      turn(query('DEALLOCATE ALL')),
    ],
  },
];
