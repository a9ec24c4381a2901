/** COPY by both protocols, over one shard and several. */

import { copyDoneFrame, encodeCopyData, encodeCopyFail } from '../../../wire/encode-frontend.js';
import {
  bind,
  describePortal,
  execute,
  flush,
  parse,
  query,
  seen,
  sync,
  turn,
  turnUntil,
  type Transcript,
} from './transcript.js';

const done = copyDoneFrame;
const cleanUp = turn(query('SELECT id, v FROM t WHERE id > 100 ORDER BY id'), query('DELETE FROM t WHERE id > 100'));
const cleanUpReference = turn(query('DELETE FROM r WHERE id > 100'));

function data(text: string): Buffer {
  return encodeCopyData(Buffer.from(text));
}

/** The same conversation for a table of one place and one of several. */
function forBoth(name: string, make: (table: string) => Transcript['turns']): readonly Transcript[] {
  return [
    { name: `${name}, several shards`, turns: [...make('t'), cleanUp] },
    { name: `${name}, a reference table`, turns: [...make('r'), cleanUpReference] },
    {
      name: `${name}, a table of one place`,
      turns: [...make('h'), turn(query('DELETE FROM h'))],
    },
  ];
}

export const copy: readonly Transcript[] = [
  ...forBoth('COPY in', (table) => [
    turnUntil(seen('G'), query(`COPY ${table} FROM STDIN`)),
    turnUntil(1, data('101\ta\n102'), data('\tb\n'), data('103\t\\N\n'), done),
    turn(query('SELECT 1')),
    turn(parse('SELECT count(*) FROM t'), bind(), execute(), sync),
  ]),
  ...forBoth('COPY in CSV, columns', (table) => [
    turnUntil(seen('G'), query(`COPY ${table} (v, id) FROM STDIN (FORMAT csv, HEADER)`)),
    turnUntil(1, data('v,id\n"a,b",101\n'), data('x,102'), done),
  ]),
  ...forBoth('COPY failed by the client', (table) => [
    turnUntil(seen('G'), query(`COPY ${table} FROM STDIN`)),
    turnUntil(1, data('101\ta\n'), encodeCopyFail('no more')),
  ]),
  ...forBoth('COPY with bad data', (table) => [
    turnUntil(seen('G'), query(`COPY ${table} FROM STDIN`)),
    turnUntil(1, data('101\ta\nnumber\tb\n'), done),
    turn(query('SELECT 2')),
  ]),
  ...forBoth('COPY with too few columns', (table) => [
    turnUntil(seen('G'), query(`COPY ${table} FROM STDIN`)),
    turnUntil(1, data('101\n'), done),
    turn(query('SELECT 2')),
  ]),
  ...forBoth('COPY in a transaction that fails', (table) => [
    turn(query('BEGIN')),
    turnUntil(seen('G'), query(`COPY ${table} FROM STDIN`)),
    turnUntil(1, data('101\ta\n101\tb\n'), done),
    turn(query('SELECT 1')),
    turn(query('ROLLBACK')),
  ]),
  ...forBoth('COPY between statements of one string', (table) => [
    turnUntil(seen('G'), query(`SELECT 1; COPY ${table} FROM STDIN; SELECT 2`)),
    turnUntil(1, data('101\ta\n'), done),
  ]),
  ...forBoth('COPY in, extended protocol', (table) => [
    turnUntil(seen('G'), parse(`COPY ${table} FROM STDIN`), bind(), describePortal(), execute(), sync),
    turnUntil(1, data('101\ta\n'), done, sync),
    turn(query('SELECT 1')),
  ]),
  ...forBoth('COPY in, extended protocol, Flush', (table) => [
    turnUntil(seen('G'), parse(`COPY ${table} FROM STDIN`), bind(), execute(), flush),
    turnUntil(1, data('101\ta\n'), done, sync),
    turn(query('SELECT 1')),
  ]),
  ...forBoth('COPY failed by the client, extended protocol', (table) => [
    turnUntil(seen('G'), parse(`COPY ${table} FROM STDIN`), bind(), execute(), sync),
    turnUntil(1, data('101\ta\n'), encodeCopyFail('no more'), sync),
    turn(query('SELECT 1')),
  ]),
  ...forBoth('COPY with bad data, extended protocol', (table) => [
    turnUntil(seen('G'), parse(`COPY ${table} FROM STDIN`), bind(), execute(), sync),
    turnUntil(1, data('number\ta\n'), data('102\tb\n'), done, sync),
    turn(query('SELECT 1')),
  ]),
  { name: 'COPY data without COPY', turns: [turnUntil(1, data('1\n'), done, query('SELECT 1'))] },
  {
    name: 'COPY out',
    turns: [
      turn(query('COPY (SELECT id, v FROM r ORDER BY id) TO STDOUT')),
      turn(query('COPY (SELECT id, v FROM t WHERE id = 3) TO STDOUT (FORMAT csv, HEADER)')),
      turn(parse('COPY (SELECT id, v FROM r ORDER BY id) TO STDOUT'), bind(), execute(), sync),
      turn(query('COPY (SELECT 1/0) TO STDOUT')),
    ],
  },
];
