/** COPY of so many rows that their numbers come in several blocks, beside one PostgreSQL. */

import { difference, readAnswer } from './answer.js';
import { RawClient } from './raw-client.js';
import { startRig, type Rig } from './rig.js';

/** About 3 MB; numbers are asked for each. */
const ROWS = 60_000;

function rows(bad?: string): Buffer {
  const lines = Array.from(
    { length: ROWS },
    (_, index) => `${index + 1}\trow ${index + 1} with some more words in it\n`,
  );
  return Buffer.from(lines.join('') + (bad ?? ''));
}

interface Step {
  readonly sql: string;
  readonly copy?: Buffer;
}

const tables = [
  'CREATE TABLE t (id serial PRIMARY KEY, place int, v text)',
  'CREATE TABLE u (place int PRIMARY KEY, v text, id bigint GENERATED ALWAYS AS IDENTITY (START WITH 7 INCREMENT BY 3))',
  'CREATE TABLE w (place int, v text, id serial, other bigserial, at timestamptz DEFAULT now(), PRIMARY KEY (id, place))',
];

function look(table: string): Step {
  return {
    sql: `SELECT count(*), count(DISTINCT id), min(id), max(id), count(DISTINCT (id - place * 3)), count(DISTINCT id - place) FROM ${table}`,
  };
}

const steps: readonly Step[] = [
  ...tables.map((sql) => ({ sql })),
  { sql: 'COPY t (place, v) FROM STDIN', copy: rows() },
  look('t'),
  { sql: "SELECT currval('t_id_seq'), lastval()" },
  { sql: 'COPY u (place, v) FROM STDIN', copy: rows() },
  look('u'),
  { sql: "SELECT currval('u_id_seq'), lastval()" },
  { sql: 'COPY w (place, v) FROM STDIN', copy: rows() },
  look('w'),
  { sql: 'SELECT count(DISTINCT at), count(DISTINCT other - id) FROM w' },
  { sql: 'COPY t (place, v) FROM STDIN', copy: rows('x\ty\n') },
  look('t'),
  { sql: 'BEGIN' },
  { sql: 'ALTER SEQUENCE t_id_seq RESTART WITH 1000000' },
  { sql: 'COPY t (place, v) FROM STDIN', copy: rows() },
  look('t'),
  { sql: "SELECT currval('t_id_seq'), lastval()" },
  { sql: 'ROLLBACK' },
  look('t'),
  { sql: 'TRUNCATE t RESTART IDENTITY' },
  { sql: 'COPY t (place, v) FROM STDIN', copy: rows() },
  look('t'),
];

describe('numbers of a large COPY', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig('copy_numbers', 4);
  });
  afterAll(async () => {
    await rig.close();
  });

  it('are those that one PostgreSQL gives, in the order of the rows', async () => {
    const pgring = await RawClient.connect(rig.pgring);
    const oracle = await RawClient.connect(rig.oracle);
    for (const { sql, copy } of steps) {
      const actual = readAnswer(await pgring.simple(sql, copy));
      const expected = readAnswer(await oracle.simple(sql, copy));
      expect({ sql, differs: difference(actual, expected, 'ordered', 'known') }).toEqual({ sql, differs: undefined });
    }
    pgring.close();
    oracle.close();
    await rig.checkPlacement();
  });
});
