/** Random statements whose WITH queries write. No two parts touch one row, for PostgreSQL does not say which is first. */

import type { Piece } from '../random-query.js';
import { insertRows } from './inserts.js';
import { comparable, settable, type WriteTable } from './model.js';
import { listed, type Parts } from './parts.js';

export function writingWith(parts: Parts): readonly Piece[] {
  const { dice } = parts;
  const first = parts.table();
  switch (dice.below(5)) {
    case 0:
      return moveBetween(parts, first);
    case 1:
      return [
        'WITH i AS (',
        ...insertRows(parts, first, ` RETURNING ${names(first)}`),
        `) SELECT ${dice.pick(['count(*)', '*'])} FROM i`,
      ];
    case 2:
      return changeThenDelete(parts, first);
    case 3:
      return archive(parts, first);
    default:
      return unread(parts, first);
  }
}

function names(table: WriteTable): string {
  return comparable(table)
    .map(({ name }) => name)
    .join(', ');
}

function deleted(parts: Parts, table: WriteTable): readonly Piece[] {
  return [`DELETE FROM ${table.name} WHERE `, ...parts.condition(table, '', 1), ` RETURNING ${names(table)}`];
}

/** WITH d AS (DELETE …) INSERT … SELECT. */
function moveBetween(parts: Parts, from: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const to = dice.pick(parts.tables.filter((table) => table !== from));
  const seen = comparable(from).map(({ name, type }) => ({ sql: `d.${name}`, type }));
  const columns = parts.insertColumns(to);
  const items = columns.map((column): readonly Piece[] => {
    const same = seen.filter(({ type }) => type === column.type);
    return same.length > 0 && dice.below(5) > 0 ? [dice.pick(same).sql] : parts.expression(column.type, seen);
  });
  return [
    'WITH d AS (',
    ...deleted(parts, from),
    `) INSERT INTO ${to.name} (${columns.map(({ name }) => name).join(', ')}) SELECT `,
    ...listed(items),
    ' FROM d',
    parts.returning(to, ''),
  ];
}

/** WITH u AS (UPDATE …) DELETE FROM another table. */
function changeThenDelete(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const [column] = dice.shuffle(settable(table));
  const others = parts.tables.filter((other) => other !== table && parts.pairs(table, other).length > 0);
  if (column === undefined || others.length === 0) return unread(parts, table);
  const other = dice.pick(others);
  const pair = dice.pick(parts.pairs(table, other));
  return [
    `WITH u AS (UPDATE ${table.name} SET ${column.name} = `,
    parts.value(column),
    ' WHERE ',
    ...parts.condition(table, '', 1),
    ` RETURNING ${pair.left.name}) DELETE FROM ${other.name} o WHERE o.${pair.right.name} IN (SELECT ${pair.left.name} FROM u)`,
    parts.returning(other, 'o'),
  ];
}

/** WITH d AS (DELETE …) SELECT of what was deleted, with another table. */
function archive(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const others = parts.tables.filter((other) => other !== table && parts.pairs(table, other).length > 0);
  if (others.length === 0 || dice.once(2)) return ['WITH d AS (', ...deleted(parts, table), ') SELECT * FROM d'];
  const other = dice.pick(others);
  const pair = dice.pick(parts.pairs(table, other));
  return [
    'WITH d AS (',
    ...deleted(parts, table),
    `) SELECT d.${pair.left.name}, count(o.${pair.right.name}) FROM d LEFT JOIN ${other.name} o ON o.${pair.right.name} = d.${pair.left.name} GROUP BY 1`,
  ];
}

/** A WITH query that nobody reads is carried out all the same. */
function unread(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const other = dice.pick(parts.tables.filter((each) => each !== table));
  return ['WITH d AS (', ...deleted(parts, table), `), e AS (SELECT count(*) AS n FROM ${other.name}) SELECT n FROM e`];
}
