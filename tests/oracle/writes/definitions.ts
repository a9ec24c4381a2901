/** Random DDL in the middle of a program, each with the table that it leaves behind. */

import type { Dice } from '../dice.js';
import { isNumber, literalSql, randomValue } from '../random-values.js';
import { comparable, settable, type WriteColumn, type WriteTable } from './model.js';
import { columnSql, countedColumn, createSql, randomColumn, randomTable } from './schema.js';

export interface Definition {
  readonly sql: string;
  readonly apply: (tables: readonly WriteTable[]) => readonly WriteTable[];
}

/** `number` makes names that no other statement of the program has. */
export function definition(dice: Dice, tables: readonly WriteTable[], number: number): readonly Definition[] {
  const table = dice.pick(tables);
  const replace = (change: Partial<WriteTable>) => (all: readonly WriteTable[]) =>
    all.map((each) => (each === table ? { ...each, ...change } : each));
  const same = replace({});
  // The columns that nothing else is made of.
  const free = settable(table).filter(
    ({ name }) =>
      !table.uniques.some(({ columns }) => columns.includes(name)) &&
      table.checks.length === 0 &&
      table.after.length === 0,
  );
  const [column] = dice.shuffle(free.filter(() => table.columns.every(({ kind }) => kind !== 'generated')));
  const has = (name: string): Definition => ({ sql: name, apply: same });
  switch (dice.below(12)) {
    case 0: {
      const added = dice.once(3) ? countedColumn(dice, `n${number}`) : randomColumn(dice, `n${number}`, false);
      const kept: WriteColumn = added.nullable || added.hasDefault ? added : { ...added, nullable: true };
      return [
        {
          sql: `ALTER TABLE ${table.name} ADD COLUMN ${columnSql(kept)}`,
          apply: replace({ columns: [...table.columns, kept] }),
        },
      ];
    }
    case 1:
      // Something must be left to compare.
      if (column === undefined || comparable(table).length === 1) break;
      return [
        {
          sql: `ALTER TABLE ${table.name} DROP COLUMN ${column.name}`,
          apply: replace({ columns: table.columns.filter((each) => each !== column) }),
        },
      ];
    case 2: {
      if (column === undefined) break;
      const renamed = { ...column, name: `m${number}` };
      return [
        {
          sql: `ALTER TABLE ${table.name} RENAME COLUMN ${column.name} TO ${renamed.name}`,
          apply: replace({ columns: table.columns.map((each) => (each === column ? renamed : each)) }),
        },
      ];
    }
    case 3: {
      const [chosen] = dice.shuffle(table.columns.filter(({ kind }) => kind !== 'opaque'));
      const name = `i${number}`;
      const unique = dice.once(4) && table.keys.every(({ kind }) => kind === 'plain') ? 'UNIQUE ' : '';
      const on = unique === '' ? [chosen?.name] : [...table.keys.map((key) => key.name), chosen?.name];
      if (chosen === undefined || table.columns.some((each) => each.definition.includes('VIRTUAL'))) break;
      const uniques = unique === '' ? table.uniques : [...table.uniques];
      return [
        {
          sql: `CREATE ${unique}INDEX ${name} ON ${table.name} (${[...new Set(on)].join(', ')})`,
          apply: replace({ indexes: [...table.indexes, name], uniques }),
        },
      ];
    }
    case 4: {
      const [index] = table.indexes;
      if (index === undefined) break;
      return [{ sql: `DROP INDEX ${index}`, apply: replace({ indexes: table.indexes.slice(1) }) }];
    }
    case 5: {
      const number2 = settable(table).find(({ type }) => isNumber(type));
      if (number2 === undefined) break;
      const name = `ck${number}`;
      return [
        {
          sql: `ALTER TABLE ${table.name} ADD CONSTRAINT ${name} CHECK (${number2.name} < ${dice.pick(['1000000', '50'])})`,
          apply: replace({ checks: [...table.checks, name] }),
        },
      ];
    }
    case 6: {
      const [check] = table.checks;
      if (check === undefined) break;
      return [
        {
          sql: `ALTER TABLE ${table.name} DROP CONSTRAINT ${check}`,
          apply: replace({ checks: table.checks.slice(1) }),
        },
      ];
    }
    case 7: {
      if (column === undefined) break;
      const isDropped = column.hasDefault && dice.once(2);
      const value = literalSql(dice, { ...randomValue(dice, column.type, false), explicit: true });
      const changed = { ...column, hasDefault: !isDropped };
      return [
        {
          sql: `ALTER TABLE ${table.name} ALTER COLUMN ${column.name} ${isDropped ? 'DROP DEFAULT' : `SET DEFAULT ${value}`}`,
          apply: replace({ columns: table.columns.map((each) => (each === column ? changed : each)) }),
        },
      ];
    }
    case 8: {
      if (column === undefined) break;
      const changed = { ...column, nullable: !column.nullable };
      return [
        {
          sql: `ALTER TABLE ${table.name} ALTER COLUMN ${column.name} ${column.nullable ? 'SET' : 'DROP'} NOT NULL`,
          apply: replace({ columns: table.columns.map((each) => (each === column ? changed : each)) }),
        },
      ];
    }
    case 9: {
      const typed = free.find(({ type, hasDefault }) => type === 'int' && !hasDefault);
      if (typed === undefined || column === undefined) break;
      const changed: WriteColumn = { ...typed, type: dice.pick(['bigint', 'numeric', 'text']) };
      const using = dice.once(2) ? ` USING ${typed.name}::${changed.type}` : '';
      return [
        {
          sql: `ALTER TABLE ${table.name} ALTER COLUMN ${typed.name} TYPE ${changed.type}${using}`,
          apply: replace({ columns: table.columns.map((each) => (each === typed ? changed : each)) }),
        },
      ];
    }
    case 10: {
      const made = randomTable(dice, `t${number}`);
      return createSql(made).map((sql, index) => ({
        sql,
        apply: (all) => (index === 0 ? [...all, { ...made, after: [] }] : all),
      }));
    }
    default: {
      if (dice.once(2)) return [has(`TRUNCATE ${table.name}${dice.pick(['', ' CASCADE', ' RESTART IDENTITY'])}`)];
      const dropped = tables.find(({ name }) => name.startsWith('t'));
      if (dropped === undefined) break;
      return [{ sql: `DROP TABLE ${dropped.name}`, apply: (all) => all.filter((each) => each !== dropped) }];
    }
  }
  return [has(dice.pick([`ANALYZE ${table.name}`, `COMMENT ON TABLE ${table.name} IS 'x'`]))];
}
