/** Parts of FROM whose rows lie together on the shards, and what they may be grouped by. */

import type { Choices } from './choices.js';
import type { SqlColumn } from './expressions.js';
import { identityOf, qualified, type From, type Source } from './sources.js';
import type { TestTable, TypedColumn } from './tables.js';

/** The column by which a table may be sharded: id, or k_ and its type. */
function keyOf({ columns }: TestTable): TypedColumn | undefined {
  return columns.find(({ name, type }) => (name === 'id' && type === 'int8') || name.startsWith('k_'));
}

/** One to three tables that have a key of one name and type, joined by it. */
export function joinedOnKey(choices: Choices, tables: readonly TestTable[], newName: () => string): From {
  const chosen = choices.pick(tables.filter((table) => keyOf(table) !== undefined));
  const key = keyOf(chosen);
  const alike = tables.filter((table) => keyOf(table)?.name === key?.name && keyOf(table)?.type === key?.type);
  const more = Array.from({ length: choices.integer(3) }, () => choices.pick(alike));
  const sources = [chosen, ...more].map(({ name, columns, identity }): Source => {
    const alias = newName();
    return { sql: `${name} ${alias}`, alias, columns, identity: identity.length > 0 ? identity : undefined };
  });
  const [first, ...others] = sources;
  if (first === undefined) throw new Error('a choice of no tables');
  let sql = first.sql;
  for (const source of others) {
    const join = choices.pick(['JOIN', 'JOIN', 'LEFT JOIN']);
    const on = `ON ${source.alias}.${key?.name} = ${first.alias}.${key?.name}`;
    sql = `${sql} ${join} ${source.sql} ${on}`;
  }
  const identities = sources.map(identityOf);
  return {
    sql,
    columns: sources.flatMap(qualified),
    identity: identities.every((identity) => identity !== undefined) ? identities.flat() : undefined,
  };
}

/** An expression to group by instead of a column. */
export function groupedBy({ sql, type }: SqlColumn): SqlColumn {
  switch (type) {
    case 'int4':
      return { sql: `(${sql} % 3)`, type };
    case 'int8':
      return { sql: `(${sql} - 1)`, type };
    case 'text':
      return { sql: `upper(${sql})`, type };
    case 'numeric':
      return { sql: `round(${sql}, 0)`, type };
    case 'timestamptz':
      return { sql: `date_trunc('month', ${sql})`, type };
    default:
      return { sql: `(${sql} IS NULL)`, type: 'bool' };
  }
}
