/** Parts of FROM whose rows lie together on the shards, and what they may be grouped by. */

import type { Choices } from './choices.js';
import type { SqlColumn } from './expressions.js';
import { identityOf, qualified, type From, type Source } from './sources.js';
import { tables } from './tables.js';

/** Tables and a view that are sharded by their column id. */
const joined: readonly (readonly string[])[] = [
  ['si'],
  ['si', 'sj'],
  ['sj', 'si'],
  ['si', 'se'],
  ['vi', 'sj'],
  ['sj'],
  ['sj', 'si', 'rf'],
];

export function joinedOnKey(choices: Choices, newName: () => string): From {
  const sources = choices.pick(joined).map((name): Source => {
    const alias = newName();
    const table = tables.find((each) => each.name === name);
    return { sql: `${name} ${alias}`, alias, columns: table?.columns ?? [], identity: table?.identity };
  });
  const [first, ...others] = sources;
  if (first === undefined) throw new Error('a choice of no tables');
  let sql = first.sql;
  for (const source of others) {
    const join = choices.pick(['JOIN', 'JOIN', 'LEFT JOIN']);
    const isReference = source.sql.startsWith('rf');
    const on = isReference ? `ON ${source.alias}.id = ${first.alias}.a` : `ON ${source.alias}.id = ${first.alias}.id`;
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
