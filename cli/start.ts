/** `pgring start`: a proxy in front of servers that somebody else runs. */

import { openLog } from '../base/log.js';
import { loadConfig, type Config } from '../catalog/config.js';
import type { Logger } from '../base/log.js';
import { exitCode, messageOf } from './failure.js';
import { aborted, watchInterrupt } from './interrupt.js';
import { connectionString, listeningAddress, openProxy, psqlCommand, trustWarning, type OpenProxy } from './proxy.js';

export interface StartOptions {
  readonly config: string;
}

/** Runs until a signal comes; returns the exit code. */
export async function runStart(options: StartOptions): Promise<number> {
  const config = loadConfig(options.config);
  const log = openLog(config.log.level);
  const running: { proxy?: OpenProxy } = {};
  using interrupt = watchInterrupt(() => {
    if (running.proxy !== undefined) reload(running.proxy, options.config, log);
  });
  const opened = await openProxy(config, log);
  running.proxy = opened;
  const [configured] = config.listen;
  if (configured !== undefined) {
    const first = listeningAddress(opened.proxy, configured);
    process.stdout.write(`pgring ready: ${connectionString(first, config.control.user)}\n`);
    process.stdout.write(`  try: ${psqlCommand(first, config.control.user)}\n`);
  }
  for (const line of accessNotes(config)) process.stdout.write(`  ${line}\n`);
  await aborted(interrupt.stop);
  process.stdout.write('stopping when transactions have ended (Ctrl-C again to hurry) …\n');
  const hurried = aborted(interrupt.hurry).then(async () => {
    await opened.close(0);
  });
  await Promise.race([opened.close(config.limits.drainTimeoutMs), hurried]);
  process.stdout.write('stopped\n');
  return exitCode.success;
}

/** Reads the configuration again. What cannot be used changes nothing. */
function reload({ proxy }: OpenProxy, path: string, log: Logger): void {
  try {
    proxy.reload(loadConfig(path));
    log.info({ path }, 'the configuration was read again');
  } catch (error) {
    log.error({ error: messageOf(error), path }, 'the configuration cannot be used; what was before holds');
  }
}

/** What somebody should know who did not say how clients prove who they are, or said that they need not. */
function accessNotes(config: Config): readonly string[] {
  if (config.authentication.byDefault) {
    return [
      'Clients are asked for the passwords of their roles (scram-sha-256). To trust those on this machine, as earlier versions did:',
      '  authentication: {rules: [{type: local, method: trust}, {type: host, address: 127.0.0.1, method: trust}]}',
    ];
  }
  const isOpen = config.authentication.rules.some(
    ({ type, method, address }) => type !== 'local' && method === 'trust' && !/^(?:127\.|::1)/.test(address),
  );
  const warning = isOpen ? trustWarning(config.listen) : undefined;
  return warning === undefined ? [] : [warning];
}
