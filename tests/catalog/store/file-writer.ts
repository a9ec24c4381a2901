/** A process that commits one epoch after the other and prints each one that was acknowledged; file.test.ts kills it. */

import { FileTopologyStore } from '../../../catalog/store/file.js';
import { makeTopology } from '../topologies.js';

const [path = ''] = process.argv.slice(2);
const store = new FileTopologyStore(path);
for (;;) {
  const epoch = (await store.read())?.epoch ?? 0;
  if (await store.compareAndSwap(epoch, makeTopology(epoch + 1, process.pid % 60_000 || 1, 40))) {
    process.stdout.write(`${epoch + 1}\n`);
  }
}
