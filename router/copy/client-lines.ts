/**
 * A server that gets a part of a COPY counts the lines of that part; an error of it must name the client's line. The
 * lines of the last rows of each shard are kept: servers complain of rows that came lately.
 */

import type { ShardId } from '../../catalog/topology.js';

/** Rows of one shard whose lines are known; more are on their way only where rows are tiny. */
const KEPT_ROWS = 65_536;

interface ShardLines {
  /** By the row's number modulo KEPT_ROWS: the line that ended it, as the shard and as the client counts. */
  readonly shardLines: Float64Array;
  readonly clientLines: Float64Array;
  rows: number;
  line: number;
}

export class ClientLines {
  readonly #shards: ReadonlyMap<ShardId, ShardLines>;
  /** The client's line that ended what came before. */
  #before = 0;

  constructor(shards: readonly ShardId[]) {
    this.#shards = new Map(
      shards.map((shard) => [
        shard,
        { shardLines: new Float64Array(KEPT_ROWS), clientLines: new Float64Array(KEPT_ROWS), rows: 0, line: 0 },
      ]),
    );
  }

  /** The shard was given what ends in the client's line; undefined: every shard was. */
  note(shard: ShardId | undefined, clientLine: number): void {
    const lines = clientLine - this.#before;
    this.#before = clientLine;
    if (shard === undefined) for (const each of this.#shards.values()) add(each, lines, clientLine);
    else {
      const one = this.#shards.get(shard);
      if (one !== undefined) add(one, lines, clientLine);
    }
  }

  /** The shard counts anew: it was given this many lines that are no rows. */
  restart(shard: ShardId, lines: number): void {
    const one = this.#shards.get(shard);
    if (one !== undefined) one.line = lines;
  }

  /** The client's line of a shard's line; undefined for one that was long ago. */
  find(shard: ShardId, shardLine: number): number | undefined {
    const lines = this.#shards.get(shard);
    if (lines === undefined) return undefined;
    const oldest = Math.max(0, lines.rows - KEPT_ROWS);
    for (let row = lines.rows - 1; row >= oldest; row -= 1) {
      if (lines.shardLines[row % KEPT_ROWS] === shardLine) return lines.clientLines[row % KEPT_ROWS];
    }
    return undefined;
  }
}

function add(shard: ShardLines, lines: number, clientLine: number): void {
  shard.line += lines;
  shard.shardLines[shard.rows % KEPT_ROWS] = shard.line;
  shard.clientLines[shard.rows % KEPT_ROWS] = clientLine;
  shard.rows += 1;
}
