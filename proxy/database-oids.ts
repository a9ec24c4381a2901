/** The oids of one database on all its shards, as last read, and the translations that follow from them. */

import { makeOidMap, type OidList, type OidMap } from '../catalog/oid-map.js';
import type { ShardId } from '../catalog/topology.js';

interface Reading {
  /** When it was begun, in the order of readings. */
  readonly number: number;
  readonly list: OidList;
}

export class DatabaseOids {
  #begun = 0;
  /** Readings before this one may not show what has been changed since. */
  #valid = 0;
  #home: (Reading & { readonly shard: ShardId }) | undefined;
  readonly #shards = new Map<ShardId, Reading>();
  readonly #maps = new Map<ShardId, OidMap>();

  /** The translation for a shard; undefined when its oids are the home shard's. Asked once a statement. */
  mapOf(shard: ShardId): OidMap | undefined {
    return this.#maps.get(shard);
  }

  /** The catalog has changed: what was read before is out of date. */
  expire(): void {
    this.#valid = this.#begun + 1;
  }

  /** True when the oids of a shard (not the home shard) are to be read before it is used. */
  needs(shard: ShardId): boolean {
    return (this.#shards.get(shard)?.number ?? -1) < this.#valid;
  }

  /** Reads the home shard's oids. Errors: those of `read`. */
  async readHome(shard: ShardId, read: () => Promise<OidList>): Promise<void> {
    const number = this.#begin();
    const list = await read();
    if (this.#home !== undefined && this.#home.number > number) return;
    this.#home = { number, list, shard };
    this.#maps.clear();
    for (const id of this.#shards.keys()) this.#compare(id);
  }

  /** Reads another shard's oids. Errors: those of `read`. */
  async readShard(shard: ShardId, read: () => Promise<OidList>): Promise<void> {
    const number = this.#begin();
    const list = await read();
    if ((this.#shards.get(shard)?.number ?? -1) > number) return;
    this.#shards.set(shard, { number, list });
    this.#compare(shard);
  }

  #begin(): number {
    this.#begun += 1;
    return this.#begun;
  }

  #compare(shard: ShardId): void {
    const theirs = this.#shards.get(shard);
    const map =
      this.#home === undefined || theirs === undefined || this.#home.shard === shard
        ? undefined
        : makeOidMap(this.#home.list, theirs.list);
    if (map === undefined) this.#maps.delete(shard);
    else this.#maps.set(shard, map);
  }
}
