/** Random UPDATEs, DELETEs and MERGEs: of single rows and of many, with joins, subqueries, keys that change. */

import type { Piece } from '../random-query.js';
import { comparable, counted, SEQUENCE, settable, type WriteColumn, type WriteTable } from './model.js';
import { listed, type Parts } from './parts.js';

export function update(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const free = settable(table);
  if (table.placement === 'sharded' && table.keys.every(({ kind }) => kind === 'plain') && dice.once(6)) {
    return moveRows(parts, table);
  }
  const numbered = counted(table).filter(({ definition }) => !definition.includes('ALWAYS'));
  if (numbered.length > 0 && dice.once(6)) return renumber(parts, table, dice.pick(numbered));
  if (free.length === 0) return remove(parts, table);
  const chosen = dice.shuffle(free).slice(0, 1 + dice.below(2));
  switch (dice.below(6)) {
    case 0:
      return updateFrom(parts, table, chosen);
    case 1:
      return updateFromGroups(parts, table, chosen);
    default: {
      const alias = dice.once(3) ? 't' : '';
      const prefix = alias === '' ? '' : `${alias}.`;
      const seen = comparable(table).map(({ name, type }) => ({ sql: `${prefix}${name}`, type }));
      const sets = chosen.map((column): readonly Piece[] => [
        `${column.name} = `,
        ...(dice.once(15)
          ? ['DEFAULT']
          : dice.once(8)
            ? subqueryValue(parts, column.type, table, alias === '' ? table.name : alias)
            : dice.once(2)
              ? [parts.value(column)]
              : parts.expression(column.type, seen)),
      ]);
      const where = dice.once(10) ? [] : [' WHERE ', ...rows(parts, table, alias)];
      const name = alias === '' ? table.name : `${table.name} AS t`;
      return [`UPDATE ${name} SET `, ...listed(sets), ...where, parts.returning(table, alias)];
    }
  }
}

/** UPDATE that gives rows new numbers. */
function renumber(parts: Parts, table: WriteTable, column: WriteColumn): readonly Piece[] {
  const { dice } = parts;
  const isOfSequence = column.definition.includes(SEQUENCE);
  const value = isOfSequence && dice.once(2) ? `nextval('${SEQUENCE}')` : 'DEFAULT';
  const where = dice.once(3) ? [] : [' WHERE ', ...rows(parts, table, 't')];
  return [`UPDATE ${table.name} AS t SET ${column.name} = ${value}`, ...where, parts.returning(table, 't')];
}

/** Which rows: a condition, or a subquery that names them. */
function rows(parts: Parts, table: WriteTable, alias: string): readonly Piece[] {
  const { dice } = parts;
  const [only, second] = table.primary;
  if (!dice.once(6) || only === undefined || second !== undefined || only.kind === 'opaque') {
    return parts.condition(table, alias, 2);
  }
  const prefix = alias === '' ? '' : `${alias}.`;
  const lock = dice.pick(['', '', ' FOR UPDATE', ' FOR UPDATE SKIP LOCKED', ' FOR NO KEY UPDATE']);
  const where = dice.once(2) ? [] : [' WHERE ', ...parts.condition(table, 'p', 0)];
  const subquery = [
    `(SELECT p.${only.name} FROM ${table.name} p`,
    ...where,
    ` ORDER BY p.${only.name} LIMIT ${1 + dice.below(4)}${lock})`,
  ];
  return [`${prefix}${only.name} IN `, ...subquery];
}

/** A subquery with one value. */
function subqueryValue(
  parts: Parts,
  type: WriteTable['key']['type'],
  table: WriteTable,
  alias: string,
): readonly Piece[] {
  const { dice } = parts;
  const others = parts.tables.filter((other) => comparable(other).some((column) => column.type === type));
  if (others.length === 0 || type === 'bool' || type === 'uuid') return [parts.value({ type, nullable: false })];
  const other = dice.pick(others);
  const column = dice.pick(comparable(other).filter((each) => each.type === type));
  const pairs = parts.pairs(table, other);
  const tied = pairs.length > 0 && dice.once(2) ? dice.pick(pairs) : undefined;
  const where = tied === undefined ? '' : ` WHERE s.${tied.right.name} = ${alias}.${tied.left.name}`;
  return [`(SELECT ${dice.pick(['max', 'min'])}(s.${column.name}) FROM ${other.name} s${where})`];
}

/** UPDATE … FROM a table that has one row for each. */
function updateFrom(
  parts: Parts,
  table: WriteTable,
  chosen: readonly WriteTable['columns'][number][],
): readonly Piece[] {
  const { dice } = parts;
  const found = parts.uniqueSource(table);
  if (found === undefined) return remove(parts, table);
  const seen = [
    ...comparable(table).map(({ name, type }) => ({ sql: `t.${name}`, type })),
    ...comparable(found.table).map(({ name, type }) => ({ sql: `o.${name}`, type })),
  ];
  const sets = chosen.map((column): readonly Piece[] => [`${column.name} = `, ...parts.expression(column.type, seen)]);
  const condition = dice.once(2) ? parts.condition(table, 't', 0) : parts.condition(found.table, 'o', 0);
  const tied = dice.once(2) ? [] : [' AND ', ...condition];
  return [
    `UPDATE ${table.name} t SET `,
    ...listed(sets),
    ` FROM ${found.table.name} o WHERE o.${found.pair.right.name} = t.${found.pair.left.name}`,
    ...tied,
    dice.once(2) ? parts.returning(table, 't') : '',
  ];
}

/** UPDATE … FROM groups of another table, a VALUES list or a WITH query. */
function updateFromGroups(
  parts: Parts,
  table: WriteTable,
  chosen: readonly WriteTable['columns'][number][],
): readonly Piece[] {
  const { dice } = parts;
  const other = parts.table();
  const pairs = parts.pairs(table, other);
  const [column] = chosen;
  if (pairs.length === 0 || column === undefined) return remove(parts, table);
  const pair = dice.pick(pairs);
  const values = comparable(other).filter((each) => each.type === column.type && !['bool', 'uuid'].includes(each.type));
  const picked = values.length === 0 ? undefined : dice.pick(values);
  const output = picked === undefined ? parts.literal(column.type) : `max(s.${picked.name})`;
  const query = `SELECT s.${pair.right.name} AS a, ${output} AS b, count(*) AS n FROM ${other.name} s GROUP BY s.${pair.right.name}`;
  const body = ` SET ${column.name} = q.b FROM ${dice.once(3) ? 'q' : `(${query}) q`} WHERE q.a = t.${pair.left.name}`;
  const head = body.includes('FROM q ') ? `WITH q AS (${query}) ` : '';
  const filter = dice.once(3) ? ' AND q.n > 1' : '';
  return [`${head}UPDATE ${table.name} t${body}${filter}${parts.returning(table, 't')}`];
}

/** UPDATE of the shard key. */
function moveRows(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const key = dice.pick(table.keys);
  const where = [' WHERE ', ...parts.condition(table, '', 1)];
  return [`UPDATE ${table.name} SET ${key.name} = `, parts.value(key), ...where, parts.returning(table, '')];
}

export function remove(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const returning = parts.returning(table, 't');
  if (dice.below(4) > 0) return [`DELETE FROM ${table.name} t WHERE `, ...rows(parts, table, 't'), returning];
  const other = parts.table();
  const pairs = parts.pairs(table, other);
  if (pairs.length === 0) return [`DELETE FROM ${table.name} t WHERE `, ...parts.condition(table, 't', 1), returning];
  const pair = dice.pick(pairs);
  const where = dice.once(2) ? [] : [' AND ', ...parts.condition(other, 'o', 0)];
  return [
    `DELETE FROM ${table.name} t USING ${other.name} o WHERE o.${pair.right.name} = t.${pair.left.name}`,
    ...where,
    returning,
  ];
}

/** MERGE from a table with one row for each, or from a list of values. */
export function merge(parts: Parts, table: WriteTable): readonly Piece[] {
  const { dice } = parts;
  const found = dice.once(3) ? undefined : parts.uniqueSource(table);
  const [key] = table.keys;
  if (key === undefined || key.kind === 'opaque' || table.keys.length > 1) return remove(parts, table);
  const on = found === undefined ? `t.${key.name} = o.k` : `t.${found.pair.left.name} = o.${found.pair.right.name}`;
  const fromKey = found?.pair.left === key || found === undefined;
  const seen =
    found === undefined
      ? [{ sql: 'o.k', type: key.type }]
      : comparable(found.table).map(({ name, type }) => ({ sql: `o.${name}`, type }));
  const both = [...seen, ...comparable(table).map(({ name, type }) => ({ sql: `t.${name}`, type }))];
  const list = dice.shuffle([...new Set(dice.some(3, () => parts.literal(key.type)))]).map((value) => `(${value})`);
  const using: readonly Piece[] =
    found === undefined ? [`(SELECT DISTINCT k FROM (VALUES ${list.join(', ')}) v (k)) o`] : [`${found.table.name} o`];
  const whens: (readonly Piece[])[] = [];
  const free = settable(table);
  if (free.length > 0) {
    const column = dice.pick(free);
    const condition = dice.once(3) ? [' AND ', ...parts.condition(table, 't', 0)] : [];
    whens.push([
      ' WHEN MATCHED',
      ...condition,
      ` THEN UPDATE SET ${column.name} = `,
      ...parts.expression(column.type, both),
    ]);
  }
  if (dice.once(3)) whens.push([` WHEN MATCHED THEN ${dice.pick(['DELETE', 'DO NOTHING'])}`]);
  if (dice.below(3) > 0) {
    const columns = parts.insertColumns(table);
    const keySource = found === undefined ? 'o.k' : `o.${found.pair.right.name}`;
    const values = columns.map((column): readonly Piece[] =>
      column === key && fromKey ? [keySource] : parts.expression(column.type, seen),
    );
    whens.push([
      ` WHEN NOT MATCHED THEN INSERT (${columns.map(({ name }) => name).join(', ')}) VALUES (`,
      ...listed(values),
      ')',
    ]);
  }
  if (dice.once(6)) whens.push([` WHEN NOT MATCHED BY SOURCE THEN ${dice.pick(['DELETE', 'DO NOTHING'])}`]);
  if (whens.length === 0) whens.push([' WHEN MATCHED THEN DELETE']);
  const returning = dice.once(4) ? ` RETURNING merge_action(), t.${dice.pick(comparable(table)).name}` : '';
  return [`MERGE INTO ${table.name} t USING `, ...using, ` ON ${on}`, ...whens.flat(), returning];
}
