/**
 * A program that runs the shards of `pgring dev` without a proxy, so that tests can start it as another user and kill
 * it: shards-program.js <folder, or - for an ephemeral one> <count, or -> [shared folder]. Its ready line leads to the
 * first shard.
 */

import { openShards } from '../../cli/embedded/shards.js';
import { aborted, watchInterrupt } from '../../cli/interrupt.js';
import { report } from '../../cli/report.js';

const [folder = '-', count = '-', sharedFolder] = process.argv.slice(2);
try {
  using interrupt = watchInterrupt();
  const shards = await openShards({
    folder: folder === '-' ? undefined : folder,
    count: count === '-' ? undefined : Number(count),
    fsync: false,
    abort: interrupt.stop,
    ...(sharedFolder === undefined ? {} : { sharedFolder }),
  });
  process.stdout.write(`${shards.servers.map(({ pid, dataFolder }) => `${pid} ${dataFolder}`).join('\n')}\n`);
  process.stdout.write(`pgring ready: postgresql://postgres@127.0.0.1:${shards.servers[0]?.port}/postgres\n`);
  await aborted(interrupt.stop);
  await shards.close();
} catch (error) {
  process.exitCode = report(error, { debug: false });
}
