import * as fc from 'fast-check';
import { ShardBuffers } from '../../../router/copy/shard-buffers.js';

describe('ShardBuffers', () => {
  it('gives each shard its bytes in order, in CopyData messages of 64 KB', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            shard: fc.constantFrom(7, 2, 900, 'all' as const),
            size: fc.oneof(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 60_000, max: 140_000 })),
          }),
          { maxLength: 12 },
        ),
        (parts) => {
          const messages = new Map<number, Buffer[]>([7, 2, 900].map((shard) => [shard, []]));
          const buffers = new ShardBuffers([7, 2, 900], (shard, message) => messages.get(shard)?.push(message));
          const expected = new Map<number, Buffer[]>([7, 2, 900].map((shard) => [shard, []]));
          for (const [index, { shard, size }] of parts.entries()) {
            const bytes = Buffer.alloc(size + 2, index + 1);
            if (shard === 'all') buffers.broadcast(bytes, 1, 1 + size);
            else buffers.append(shard, bytes, 1, 1 + size);
            for (const [own, pieces] of expected) {
              if (shard === 'all' || shard === own) pieces.push(bytes.subarray(1, 1 + size));
            }
          }
          buffers.flush();
          buffers.flush();
          for (const [shard, own] of messages) {
            for (const [index, message] of own.entries()) {
              expect(message[0]).toBe(0x64);
              expect(message.readInt32BE(1)).toBe(message.length - 1);
              expect(message.length).toBeGreaterThan(5);
              if (index < own.length - 1) expect(message.length).toBe(65_536);
            }
            const data = Buffer.concat(own.map((message) => message.subarray(5)));
            expect(data.equals(Buffer.concat(expected.get(shard) ?? []))).toBe(true);
          }
        },
      ),
      { numRuns: 100, seed: 61 },
    );
  });
});
