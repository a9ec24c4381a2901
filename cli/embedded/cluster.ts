/** Several servers that live and end together. */

import type { EmbeddedServer } from './server.js';

/** What becomes of one server while all are started. */
export type ServerProgress = (server: EmbeddedServer, state: 'starting' | 'ready' | 'failed') => void;

/** Starts all servers at once; when one fails, those that did start are stopped, and its failure is thrown. */
export async function startServers(
  servers: readonly EmbeddedServer[],
  options: { progress?: ServerProgress; abort?: AbortSignal } = {},
): Promise<void> {
  const failed = new AbortController();
  const abort = options.abort === undefined ? failed.signal : AbortSignal.any([failed.signal, options.abort]);
  let first: unknown;
  await Promise.all(
    servers.map(async (server) => {
      options.progress?.(server, 'starting');
      try {
        await server.start(abort);
        options.progress?.(server, 'ready');
      } catch (error) {
        if (!failed.signal.aborted) {
          first = error;
          failed.abort(error);
          options.progress?.(server, 'failed');
        }
      }
    }),
  );
  if (!failed.signal.aborted) return;
  await stopServers(servers);
  throw first;
}

/** Stops all servers at once. Each stop is bounded; none is skipped because another one failed. */
export async function stopServers(
  servers: readonly EmbeddedServer[],
  options: { hurry?: boolean } = {},
): Promise<void> {
  const results = await Promise.allSettled(servers.map(async (server) => await server.stop(options)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
