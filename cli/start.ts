/** `pgring start`: a proxy in front of servers that somebody else runs. */

import { openLog } from '../base/log.js';
import { loadConfig } from '../catalog/config.js';
import { exitCode } from './failure.js';
import { aborted, watchInterrupt } from './interrupt.js';
import { connectionString, listeningAddress, openProxy, psqlCommand, trustWarning } from './proxy.js';

export interface StartOptions {
  readonly config: string;
}

/** Runs until a signal comes; returns the exit code. */
export async function runStart(options: StartOptions): Promise<number> {
  const config = loadConfig(options.config);
  using interrupt = watchInterrupt();
  const opened = await openProxy(config, openLog(config.log.level));
  const [configured] = config.listen;
  if (configured !== undefined) {
    const first = listeningAddress(opened.proxy, configured);
    process.stdout.write(`pgring ready: ${connectionString(first, config.control.user)}\n`);
    process.stdout.write(`  try: ${psqlCommand(first, config.control.user)}\n`);
  }
  const warning = trustWarning(config.listen);
  if (warning !== undefined) process.stdout.write(`  ${warning}\n`);
  await aborted(interrupt.stop);
  process.stdout.write('stopping when transactions have ended (Ctrl-C again to hurry) …\n');
  const hurried = aborted(interrupt.hurry).then(async () => {
    await opened.close(0);
  });
  await Promise.race([opened.close(config.limits.drainTimeoutMs), hurried]);
  process.stdout.write('stopped\n');
  return exitCode.success;
}
