/** Asks the servers themselves, in SQL, whether every row lies where the ring says. */

import type { Client } from 'pg';
import { qualifiedName, quoteIdentifier } from '../../catalog/schema.js';
import type { ShardId, Topology } from '../../catalog/topology.js';
import { ShardMap } from '../../router/ring/shard-map.js';
import { ownedBy } from '../../router/ring/sql-hash.js';

interface ShardClient {
  readonly id: ShardId;
  readonly client: Client;
}

interface PlacedTable {
  readonly schema: string;
  readonly name: string;
  readonly placement: 'sharded' | 'reference' | 'home';
  readonly keys: readonly { readonly name: string; readonly typeOid: number }[];
}

/** The base type of a domain, however deep. */
const placements = `
  SELECT n.nspname AS schema, c.relname AS name, p.kind AS placement,
    coalesce((SELECT json_agg(json_build_object('name', a.attname, 'typeOid',
      CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END::int8) ORDER BY k.at)
      FROM unnest(p.key_columns) WITH ORDINALITY k(number, at)
      JOIN pg_attribute a ON a.attrelid = p.relation AND a.attnum = k.number
      JOIN pg_type t ON t.oid = a.atttypid), '[]') AS keys
  FROM pgring.placement p JOIN pg_class c ON c.oid = p.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2`;

export async function checkPlacement(
  shards: readonly ShardClient[],
  topology: Topology,
  database: string,
): Promise<void> {
  const map = new ShardMap(topology);
  const [first] = shards;
  if (first === undefined) throw new Error('no shard');
  const { rows: tables } = await first.client.query<PlacedTable>(placements);
  const records = JSON.stringify(tables);
  for (const { id, client } of shards) {
    const other = await client.query<PlacedTable>(placements);
    if (JSON.stringify(other.rows) !== records) {
      throw new Error(`shard ${id} knows other placements: ${JSON.stringify(other.rows)} instead of ${records}`);
    }
    const prepared = await client.query('SELECT gid FROM pg_prepared_xacts WHERE database = $1', [database]);
    if (prepared.rows.length > 0) throw new Error(`left prepared on shard ${id}: ${JSON.stringify(prepared.rows)}`);
  }
  for (const table of tables) {
    const name = qualifiedName(table);
    const copies = new Set<string>();
    for (const { id, client } of shards) {
      if (table.placement === 'sharded') {
        const keys = table.keys.map((key) => ({ sql: quoteIdentifier(key.name), typeOid: key.typeOid }));
        const own = ownedBy(map.arcsOf(id), keys);
        const strays = await client.query(`SELECT * FROM ${name} WHERE NOT ${own} LIMIT 3`);
        if (strays.rows.length > 0) throw new Error(`rows of ${name} astray on ${id}: ${JSON.stringify(strays.rows)}`);
      } else if (table.placement === 'reference') {
        const sum = await client.query<{ sum: string }>(
          `SELECT md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), '')) AS sum FROM ${name} t`,
        );
        copies.add(sum.rows[0]?.sum ?? '');
      } else if (id !== topology.home) {
        const strays = await client.query(`SELECT * FROM ${name} LIMIT 3`);
        if (strays.rows.length > 0) throw new Error(`rows of ${name} on ${id}, not at home`);
      }
    }
    if (copies.size > 1) throw new Error(`the copies of ${name} differ`);
  }
}
