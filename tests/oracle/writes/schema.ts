/** Random tables for writes: every placement, keys of one and of two columns, generated values, constraints, triggers. */

import type { Dice } from '../dice.js';
import { columnTypes, isNumber, keyTypes, literalSql, randomValue, type TypeName } from '../random-values.js';
import type { WriteColumn, WriteTable } from './model.js';

type Placement = WriteTable['placement'];

export function randomTables(dice: Dice): readonly WriteTable[] {
  const keyType = dice.pick(keyTypes);
  const other = dice.once(2) ? dice.pick(keyTypes) : keyType;
  const first = plainTable(dice, 's1', 'sharded', keyType, 1);
  return [
    first,
    withForeignKey(dice, plainTable(dice, 's2', 'sharded', keyType, 1), first),
    plainTable(dice, 's3', 'sharded', other, dice.once(2) ? 2 : 1),
    countedTable(dice, 's4'),
    ...(dice.once(2) ? [partitionedTable(dice, 's5', keyType)] : []),
    plainTable(dice, 'r1', 'reference', keyType, 1),
    plainTable(dice, 'r2', 'reference', other, 1),
    plainTable(dice, 'h1', 'home', keyType, 1),
  ];
}

/** Another one, for CREATE TABLE in the middle of a program. */
export function randomTable(dice: Dice, name: string): WriteTable {
  return plainTable(dice, name, dice.pick(['sharded', 'sharded', 'reference', 'home']), dice.pick(keyTypes), 1);
}

export function createSql(table: WriteTable): readonly string[] {
  return [table.createSql, ...table.after];
}

function column(name: string, type: TypeName, nullable: boolean): WriteColumn {
  return { name, type, nullable, kind: 'plain', hasDefault: false, definition: '' };
}

/** A column that is no key. */
export function randomColumn(dice: Dice, name: string, mayBeOpaque: boolean): WriteColumn {
  const type = dice.pick(columnTypes);
  const plain = column(name, type, dice.below(5) > 0);
  switch (dice.below(mayBeOpaque ? 10 : 8)) {
    case 0:
    case 1: {
      const value = literalSql(dice, { ...randomValue(dice, type, false), explicit: true });
      return { ...plain, hasDefault: true, definition: ` DEFAULT ${value}` };
    }
    case 9:
      return { ...column(name, 'timestamptz', true), kind: 'opaque', hasDefault: true, definition: ' DEFAULT now()' };
    default:
      return plain;
  }
}

function generated(dice: Dice, name: string, others: readonly WriteColumn[]): WriteColumn | undefined {
  const source = others.find((other) => other.kind === 'plain' && (other.type === 'text' || other.type === 'int'));
  if (source === undefined) return undefined;
  const [type, sql] =
    source.type === 'text' ? (['text', `upper(${source.name})`] as const) : (['int', `${source.name} * 2`] as const);
  return {
    ...column(name, type, true),
    kind: 'generated',
    hasDefault: true,
    definition: ` GENERATED ALWAYS AS (${sql}) ${dice.once(3) ? 'VIRTUAL' : 'STORED'}`,
  };
}

function plainTable(dice: Dice, name: string, placement: Placement, keyType: TypeName, keyCount: 1 | 2): WriteTable {
  const isPrimary = dice.below(4) > 0;
  const keys = [column('k', keyType, !isPrimary)];
  if (keyCount === 2) keys.push(column('k2', dice.pick(keyTypes), !isPrimary));
  const others = dice.some(4, () => 0).map((_, index) => randomColumn(dice, `c${index + 1}`, dice.once(3)));
  const [second] = others;
  const isWide = second !== undefined && second.kind === 'plain' && dice.once(2);
  const wide: WriteColumn[] = isWide
    ? others.map((each) => (each === second ? { ...each, nullable: false } : each))
    : others;
  const computed = dice.once(3) ? generated(dice, 'g', wide) : undefined;
  const all = [
    ...(dice.once(4) ? [...wide, ...keys] : [...keys, ...wide]),
    ...(computed === undefined ? [] : [computed]),
  ];
  const primary = !isPrimary ? [] : isWide && wide[0] !== undefined ? [...keys, wide[0]] : keys;
  const items = all.map(columnSql);
  const uniques: { name: string; columns: readonly string[] }[] = [];
  if (primary.length > 0) {
    items.push(`CONSTRAINT ${name}_pkey PRIMARY KEY (${primary.map((each) => each.name).join(', ')})`);
    uniques.push({ name: `${name}_pkey`, columns: primary.map((each) => each.name) });
  }
  const last = wide.findLast((each) => each.kind === 'plain' && !primary.includes(each));
  if (last !== undefined && dice.once(3)) {
    const columns = [...(dice.once(2) ? keys : keys.toReversed()).map((each) => each.name), last.name];
    items.push(`CONSTRAINT ${name}_unique UNIQUE (${columns.join(', ')})`);
    uniques.push({ name: `${name}_unique`, columns });
  }
  const checks: string[] = [];
  const checked = wide.find((each) => each.kind === 'plain' && isNumber(each.type));
  if (checked !== undefined && dice.once(3)) {
    items.push(`CONSTRAINT ${name}_check CHECK (${checked.name} > -50)`);
    checks.push(`${name}_check`);
  }
  const touched = wide.find((each) => each.kind === 'plain' && each.type === 'text' && !primary.includes(each));
  const after = touched !== undefined && dice.once(3) ? trigger(name, touched.name) : [];
  return {
    name,
    placement,
    columns: all,
    keys,
    key: keys[0] ?? all[0] ?? keyless(),
    primary,
    uniques,
    checks,
    indexes: [],
    moves: after.length === 0,
    after,
    createSql: `CREATE TABLE ${name} (${items.join(', ')}) WITH (${option(placement, keys)})`,
  };
}

function keyless(): never {
  throw new Error('a table without a key');
}

function option(placement: Placement, keys: readonly WriteColumn[]): string {
  const names = keys.map((key) => key.name).join(', ');
  return placement === 'sharded' ? `pgring.shard_key = '${names}'` : `pgring.placement = '${placement}'`;
}

export function columnSql({ name, type, nullable, definition }: WriteColumn): string {
  return `${name} ${type}${definition}${nullable ? '' : ' NOT NULL'}`;
}

function trigger(table: string, touched: string): readonly string[] {
  const body = `BEGIN NEW.${touched} := coalesce(NEW.${touched}, '') || '+'; RETURN NEW; END`;
  return [
    `CREATE FUNCTION ${table}_touch() RETURNS trigger LANGUAGE plpgsql AS $f$ ${body} $f$`,
    `CREATE TRIGGER ${table}_touch BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_touch()`,
  ];
}

/** The key is counted, or made by chance: so no row is named by it. */
function countedTable(dice: Dice, name: string): WriteTable {
  const key = dice.pick([
    'id serial PRIMARY KEY',
    'id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY',
    'id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    'id uuid DEFAULT gen_random_uuid() PRIMARY KEY',
  ]);
  const id: WriteColumn = { ...column('id', 'bigint', false), kind: 'opaque', hasDefault: true };
  const others = [
    column('c0', 'int', true),
    ...dice.some(3, () => 0).map((_, index) => randomColumn(dice, `c${index + 1}`, true)),
  ];
  return {
    name,
    placement: 'sharded',
    columns: [id, ...others],
    keys: [id],
    key: id,
    primary: [id],
    uniques: [],
    checks: [],
    indexes: [],
    moves: false,
    after: [],
    createSql: `CREATE TABLE ${name} (${[key, ...others.map(columnSql)].join(', ')}) WITH (pgring.shard_key = 'id')`,
  };
}

function partitionedTable(dice: Dice, name: string, keyType: TypeName): WriteTable {
  const plain = plainTable(dice, name, 'sharded', keyType, 1);
  const columns = plain.columns.filter(({ kind }) => kind === 'plain');
  const key = plain.key;
  const required = columns.map((each) => (each.name === 'k' ? { ...each, nullable: false } : each));
  const [first = column('k', keyType, false)] = required.filter(({ name: own }) => own === key.name);
  return {
    ...plain,
    columns: required,
    keys: [first],
    key: first,
    primary: [first],
    uniques: [{ name: `${name}_pkey`, columns: [first.name] }],
    checks: [],
    moves: false,
    after: [0, 1].map(
      (part) => `CREATE TABLE ${name}_${part} PARTITION OF ${name} FOR VALUES WITH (MODULUS 2, REMAINDER ${part})`,
    ),
    createSql: `CREATE TABLE ${name} (${[...required.map(columnSql), `CONSTRAINT ${name}_pkey PRIMARY KEY (k)`].join(', ')}) PARTITION BY HASH (k) WITH (pgring.shard_key = 'k')`,
  };
}

/** Rows that point at rows of their own shard. */
function withForeignKey(dice: Dice, table: WriteTable, parent: WriteTable): WriteTable {
  if (parent.primary.length !== 1 || dice.once(2)) return table;
  const action = dice.pick(['', '', ' ON DELETE CASCADE', ' ON DELETE RESTRICT', ' DEFERRABLE INITIALLY DEFERRED']);
  const item = `CONSTRAINT ${table.name}_parent FOREIGN KEY (k) REFERENCES ${parent.name} (k)${action}`;
  return { ...table, moves: false, createSql: table.createSql.replace(/\) WITH \(/, `, ${item}) WITH (`) };
}
