/** Random INSERTs: rows, defaults, conflicts, queries as sources. */

import type { Piece } from '../random-query.js';
import { isNumber } from '../random-values.js';
import { comparable, settable, type WriteColumn, type WriteTable } from './model.js';
import { listed, type Parts } from './parts.js';

const MANY_ROWS = 1_000;

/** `tail`: what stands behind the rows, if it is not to be chosen. */
export function insertRows(parts: Parts, table: WriteTable, tail?: string): readonly Piece[] {
  const { dice } = parts;
  if (
    tail === undefined &&
    dice.once(30) &&
    table.columns.every(({ nullable, hasDefault }) => nullable || hasDefault)
  ) {
    return [`INSERT INTO ${table.name} DEFAULT VALUES${parts.returning(table, '')}`];
  }
  const given = parts.insertColumns(table);
  const isWholeList = given.length === table.columns.length;
  const columns = !isWholeList && dice.once(4) ? dice.shuffle(given) : given;
  const isLarge = dice.once(40);
  const count = isLarge ? 1 + dice.below(MANY_ROWS) : 1 + dice.below(dice.pick([1, 2, 5, 9]));
  const rows = Array.from({ length: count }, () => [
    '(',
    ...listed(columns.map((column) => cell(parts, column, table, isLarge))),
    ')',
  ]);
  const isWhole = isWholeList && dice.once(2);
  const list = isWhole ? '' : ` (${columns.map(({ name }) => name).join(', ')})`;
  const alias = dice.once(8) ? ' AS n' : '';
  const ending =
    tail === undefined
      ? [
          ...(alias === '' && dice.once(table.uniques.length > 0 ? 3 : 2)
            ? []
            : conflict(parts, table, alias === '' ? '' : 'n')),
          parts.returning(table, alias === '' ? '' : 'n'),
        ]
      : [tail];
  return [`INSERT INTO ${table.name}${alias}${list} VALUES `, ...listed(rows), ...ending];
}

function cell(parts: Parts, column: WriteColumn, table: WriteTable, isLarge: boolean): readonly Piece[] {
  const { dice } = parts;
  if ((column.hasDefault || column.nullable) && dice.once(12)) return ['DEFAULT'];
  if (!isLarge && dice.once(15)) return parts.expression(column.type, []).flatMap((piece) => ['(', piece, ')']);
  if (!isLarge && !table.keys.includes(column) && dice.once(15) && isNumber(column.type) && column.type !== 'float8') {
    return ['1 + ', parts.value({ type: column.type, nullable: false })];
  }
  return [parts.value(column, isLarge ? 50_000 : 0)];
}

/** ON CONFLICT with every kind of target. */
export function conflict(parts: Parts, table: WriteTable, alias: string): readonly Piece[] {
  const { dice } = parts;
  const [unique] = dice.shuffle(table.uniques);
  if (unique === undefined || dice.once(3)) return [' ON CONFLICT DO NOTHING'];
  const target = dice.once(3)
    ? ` ON CONFLICT ON CONSTRAINT ${unique.name}`
    : ` ON CONFLICT (${dice.shuffle(unique.columns).join(', ')})`;
  const free = settable(table).filter(({ name }) => !table.uniques.some(({ columns }) => columns.includes(name)));
  if (free.length === 0 || dice.once(3)) return [`${target} DO NOTHING`];
  const chosen = dice.shuffle(free).slice(0, 1 + dice.below(2));
  const own = alias === '' ? table.name : alias;
  const seen = comparable(table).flatMap(({ name, type }) => [
    { sql: `${own}.${name}`, type },
    { sql: `excluded.${name}`, type },
  ]);
  const sets = chosen.map((column): readonly Piece[] => [
    `${column.name} = `,
    ...(dice.once(12) ? ['DEFAULT'] : dice.once(2) ? [`excluded.${column.name}`] : parts.expression(column.type, seen)),
  ]);
  const where = dice.once(3) ? [' WHERE ', ...parts.condition(table, dice.pick([own, 'excluded']), 1)] : [];
  return [`${target} DO UPDATE SET `, ...listed(sets), ...where];
}

/** INSERT … SELECT; rows of one key must not depend on which comes first. */
export function insertSelect(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const columns = parts.insertColumns(table);
  const { items, from } = source(parts, columns);
  const names = columns.map(({ name }) => name).join(', ');
  const head = `INSERT INTO ${table.name} (${names}) `;
  const select = (distinct: string): readonly Piece[] => [`SELECT ${distinct}`, ...listed(items), ...from];
  if (table.uniques.length > 1 || dice.once(2)) return [head, ...select(''), parts.returning(table, '')];
  const [unique] = table.uniques;
  const places = columns.map((_column, index) => index + 1);
  const first = columns.flatMap(({ name }, index) => (unique?.columns.includes(name) === true ? [index + 1] : []));
  const on = first.length === 0 ? places : first;
  const rest = places.filter((place) => !on.includes(place));
  const distinct = `DISTINCT ON (${on.map((place) => `q${place}`).join(', ')}) `;
  const labelled = items.map((item, index) => [...item, ` AS q${index + 1}`]);
  const inner: readonly Piece[] = ['SELECT ', ...listed(labelled), ...from];
  const order = [...on, ...rest].map((place) => `q${place}`).join(', ');
  return [
    head,
    `SELECT ${distinct}* FROM (`,
    ...inner,
    `) q ORDER BY ${order}`,
    ...conflict(parts, table, ''),
    parts.returning(table, ''),
  ];
}

/** What a query gives for the columns, and where from. */
export function source(
  parts: Parts,
  columns: readonly WriteColumn[],
): { readonly items: readonly (readonly Piece[])[]; readonly from: readonly Piece[] } {
  const { dice } = parts;
  if (dice.once(8)) {
    const seen = [{ sql: 'x', type: 'int' as const }];
    return {
      items: columns.map(({ type }) => parts.expression(type, seen)),
      from: [` FROM generate_series(1, ${1 + dice.below(20)}) AS x`],
    };
  }
  const other = parts.table();
  const seen = comparable(other).map(({ name, type }) => ({ sql: `o.${name}`, type }));
  const second = dice.once(4) ? parts.uniqueSource(other) : undefined;
  const joined =
    second === undefined ? [] : comparable(second.table).map(({ name, type }) => ({ sql: `j.${name}`, type }));
  const items = columns.map((column): readonly Piece[] => {
    const same = [...seen, ...joined].filter(({ type }) => type === column.type);
    return same.length > 0 && dice.below(4) > 0
      ? [dice.pick(same).sql]
      : parts.expression(column.type, [...seen, ...joined]);
  });
  const join =
    second === undefined
      ? ''
      : ` JOIN ${second.table.name} j ON j.${second.pair.right.name} = o.${second.pair.left.name}`;
  const where = dice.once(3) ? [] : [' WHERE ', ...parts.condition(other, 'o', 1)];
  return { items, from: [` FROM ${other.name} o${join}`, ...where] };
}
