/** COPY data grouped by shard into CopyData messages of 64 KB. */

import { present } from '../../base/assert.js';
import type { ShardId } from '../../catalog/topology.js';
import { copyBytes } from '../merge/copy-bytes.js';
import type { Put } from './added-fields.js';

const messageBytes = 64 * 1024;
/** CopyData's tag and length. */
const headerBytes = 5;

interface Filling {
  buffer: Buffer;
  /** Where the next byte goes. Without any bytes it stands behind the header. */
  end: number;
}

/**
 * Messages need not end where rows do (protocol, "COPY Operations"), so each is filled to its end. For each shard one
 * message is held; whoever appends slows its source when `flush` meets a slow shard.
 */
export class ShardBuffers {
  readonly #fillings: ReadonlyMap<ShardId, Filling>;
  readonly #putters: ReadonlyMap<ShardId, Put>;
  readonly #flush: (shard: ShardId, message: Buffer) => void;

  /** `flush` gets whole CopyData messages, which it owns. */
  constructor(shards: readonly ShardId[], flush: (shard: ShardId, message: Buffer) => void) {
    this.#fillings = new Map(shards.map((shard) => [shard, { buffer: Buffer.alloc(0), end: headerBytes }]));
    this.#flush = flush;
    this.#putters = new Map(
      shards.map((shard): [ShardId, Put] => [
        shard,
        (bytes, start, end) => {
          this.append(shard, bytes, start, end);
        },
      ]),
    );
  }

  /** What appends to the rows of one shard. */
  putter(shard: ShardId): Put {
    return present(this.#putters.get(shard), 'a shard of the COPY');
  }

  append(shard: ShardId, bytes: Buffer, start: number, end: number): void {
    const filling = present(this.#fillings.get(shard), 'a shard of the COPY');
    let at = start;
    while (at < end) {
      if (filling.buffer.length === 0) filling.buffer = Buffer.allocUnsafeSlow(messageBytes);
      const size = Math.min(end - at, messageBytes - filling.end);
      copyBytes(bytes, at, at + size, filling.buffer, filling.end);
      filling.end += size;
      at += size;
      if (filling.end === messageBytes) this.#send(shard, filling);
    }
  }

  broadcast(bytes: Buffer, start: number, end: number): void {
    for (const shard of this.#fillings.keys()) this.append(shard, bytes, start, end);
  }

  /** Hands over what is held, also where it is less than a full message. */
  flush(): void {
    for (const [shard, filling] of this.#fillings) if (filling.end > headerBytes) this.#send(shard, filling);
  }

  #send(shard: ShardId, filling: Filling): void {
    const message = filling.buffer.subarray(0, filling.end);
    message[0] = 0x64;
    message.writeInt32BE(filling.end - 1, 1);
    filling.buffer = Buffer.alloc(0);
    filling.end = headerBytes;
    this.#flush(shard, message);
  }
}
