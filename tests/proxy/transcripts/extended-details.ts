/** The extended query protocol: values and their formats, statements' lives, positions, malformed messages. */

import {
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  int4,
  message,
  parse,
  query,
  sync,
  turn,
  type Transcript,
} from './transcript.js';

const INT4 = 23;
const one = 'SELECT id, v FROM t WHERE id = $1';
const all = 'SELECT id, v FROM t ORDER BY id';
const above = 'SELECT id, v FROM t WHERE id > $1 ORDER BY id';

export const extendedDetails: readonly Transcript[] = [
  {
    name: 'numbers of parameters and formats',
    turns: [
      turn(parse(one), bind([]), execute(), sync),
      turn(parse(one), bind(['1', '2']), execute(), sync),
      turn(parse(above), bind([]), execute(), sync),
      turn(parse(above), bind(['1', '2']), execute(), sync),
      turn(parse(one), bind(['1'], { formats: [0, 0] }), execute(), sync),
      turn(parse(above), bind(['1'], { formats: [0, 0] }), execute(), sync),
      turn(parse(one), bind(['1'], { results: [0, 0, 0] }), execute(), sync),
      turn(parse(above), bind(['18'], { results: [0, 0, 0] }), execute(), sync),
      turn(parse(one), bind(['1'], { formats: [7] }), execute(), sync),
      turn(parse(above), bind(['18'], { formats: [7] }), execute(), sync),
      turn(parse(one), bind([null]), describePortal(), execute(), sync),
      turn(parse(above), bind([null]), describePortal(), execute(), sync),
    ],
  },
  {
    name: 'binary formats',
    turns: [
      turn(parse(one), bind([int4(3)], { formats: [1], results: [1] }), describePortal(), execute(), sync),
      turn(parse(one), bind([int4(3)], { formats: [1], results: [1, 0] }), describePortal(), execute(), sync),
      turn(parse(above), bind([int4(16)], { formats: [1], results: [1] }), describePortal(), execute(), sync),
      turn(parse(above), bind([int4(16)], { formats: [1], results: [0, 1] }), describePortal(), execute(), sync),
      turn(parse('SELECT count(*), sum(id) FROM t'), bind([], { results: [1] }), describePortal(), execute(), sync),
      turn(parse(one), bind([Buffer.from([1, 2])], { formats: [1] }), execute(), sync),
      turn(parse(above), bind([Buffer.from([1, 2])], { formats: [1] }), execute(), sync),
    ],
  },
  {
    name: 'types that Parse gives',
    turns: [
      turn(parse(one, '', [INT4]), describeStatement(), bind(['3']), execute(), sync),
      turn(parse(above, '', [INT4]), describeStatement(), bind(['18']), execute(), sync),
      turn(parse('SELECT $1', '', [INT4]), describeStatement(), bind(['3']), execute(), sync),
      turn(parse('SELECT $1, $2::text'), describeStatement(), sync),
      turn(parse('SELECT $2::int'), describeStatement(), sync),
    ],
  },
  {
    name: 'empty statements',
    turns: [
      turn(parse(''), describeStatement(), bind(), describePortal(), execute(), sync),
      turn(parse(' ; '), bind(), execute(), sync),
      turn(parse('-- c', 'e'), bind([], { statement: 'e' }), execute(), sync),
      turn(bind([], { statement: 'e' }), execute(), sync),
      turn(closeStatement('e'), sync),
    ],
  },
  { name: 'several commands in one Parse', turns: [turn(parse('SELECT 1; SELECT 2'), bind(), execute(), sync)] },
  {
    name: 'the life of the unnamed statement',
    turns: [
      turn(parse(one), sync),
      turn(bind(['3']), execute(), sync),
      turn(bind(['4']), execute(), sync),
      turn(parse('SELEC'), sync),
      turn(bind(['3']), execute(), sync),
      turn(parse(all), sync),
      turn(bind(), execute(1), sync),
      turn(query('SELECT 1')),
      turn(bind(), execute(), sync),
    ],
  },
  {
    name: 'a named statement outlives transactions and errors',
    turns: [
      turn(query('BEGIN')),
      turn(parse(one, 's'), bind(['1'], { statement: 's' }), execute(), sync),
      turn(query('SELECT 1/0')),
      turn(query('ROLLBACK')),
      turn(bind(['2'], { statement: 's' }), execute(), sync),
      turn(bind(['3'], { statement: 's' }), execute(), sync),
      turn(query('DEALLOCATE s')),
      turn(bind(['3'], { statement: 's' }), execute(), sync),
      turn(parse(one, 's'), sync),
      turn(query('DEALLOCATE ALL')),
      turn(bind(['3'], { statement: 's' }), sync),
      turn(parse(one, 's'), sync),
      turn(query('DISCARD ALL')),
      turn(describeStatement('s'), sync),
    ],
  },
  {
    name: 'session commands',
    turns: [
      turn(parse("SET application_name = 'x'"), bind(), describePortal(), execute(), sync),
      turn(parse('SHOW application_name'), describeStatement(), bind(), describePortal(), execute(), sync),
      turn(parse('BEGIN'), bind(), execute(), parse(all), bind(), execute(1), parse('COMMIT'), bind(), execute(), sync),
      turn(parse('SAVEPOINT s'), bind(), execute(), sync),
      turn(parse('RESET ALL'), bind(), execute(), sync),
    ],
  },
  {
    name: 'positions of errors',
    turns: [
      turn(parse("SELECT '€😀', nothing FROM t WHERE id = $1"), sync),
      turn(parse("SELECT '€😀', nothing FROM t ORDER BY id"), sync),
      turn(parse("SELECT '€😀' FRO"), sync),
      turn(parse("SELECT '€😀'::int FROM t ORDER BY id"), bind(), execute(), sync),
    ],
  },
  {
    name: 'malformed bodies are errors, not the end',
    turns: [
      turn(message('P', 'x'), sync),
      turn(message('B', 'x'), sync),
      turn(parse(one), message('B', Buffer.from([0, 0, 0, 1])), sync),
      turn(message('D', 'X\0'), sync),
      turn(message('D', 'S'), sync),
      turn(message('E', '\0'), sync),
      turn(message('C', 'Xs\0'), sync),
      turn(message('C', ''), sync),
      turn(parse(one), message('E', Buffer.from([0, 0, 0, 0, 0, 0])), sync),
      turn(query('SELECT 1')),
    ],
  },
];
