/** Advice as the part of pgring.yaml that carries it out. */

import type { AdvisedTable, Choices } from './schema.js';

/** A name as YAML and SQL take it (catalog/names.ts): in double quotes where SQL needs them. */
function identifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** A string as YAML takes it, quoted where it would mean something else. */
function scalar(text: string): string {
  const isPlain = /^[a-z_][a-z0-9_$.]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/.test(text);
  return isPlain ? text : `'${text.replaceAll("'", "''")}'`;
}

/** `placement:` with a rule for every table, and for every partition, which a dump creates as a table of its own. */
export function rulesText(tables: readonly AdvisedTable[], choices: Choices): string {
  const lines = tables.flatMap((table) => {
    const placement = choices.get(table.oid);
    if (placement === undefined) return [];
    const key = placement.kind === 'sharded' ? placement.key.map(identifier).map(scalar) : [];
    const rule =
      placement.kind === 'sharded'
        ? `{ shard_key: ${key.length === 1 ? key.join('') : `[${key.join(', ')}]`} }`
        : `{ placement: ${placement.kind} }`;
    return [table, ...table.members].map(
      ({ schema, name }) => `    ${scalar(`${identifier(schema)}.${identifier(name)}`)}: ${rule}`,
    );
  });
  return lines.length === 0 ? 'placement: {}\n' : `placement:\n  tables:\n${lines.sort().join('\n')}\n`;
}
