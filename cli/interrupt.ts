/** Ctrl-C and SIGTERM: the first asks pgring to stop, the second to hurry. */

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly stop: AbortSignal;
  /** Aborted by the second. */
  readonly hurry: AbortSignal;
  /** Gives the signals back to Node's default, which is to end the process. */
  [Symbol.dispose](): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Takes the signals over. */
export function watchInterrupt(): Interrupt {
  const stop = new AbortController();
  const hurry = new AbortController();
  const listener = (): void => {
    if (stop.signal.aborted) hurry.abort();
    else stop.abort();
  };
  for (const signal of signals) process.on(signal, listener);
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
