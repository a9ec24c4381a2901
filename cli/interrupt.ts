/** Ctrl-C and SIGTERM: the first asks pgring to stop, the second to hurry. */

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly stop: AbortSignal;
  /** Aborted by the second. */
  readonly hurry: AbortSignal;
  /** Gives the signals back to Node's default, which is to end the process. */
  [Symbol.dispose](): void;
}

/** Takes the signals over. With `onHangUp`, SIGHUP asks for that instead of the end. */
export function watchInterrupt(onHangUp?: () => void): Interrupt {
  const ends = ['SIGINT', 'SIGTERM', ...(onHangUp === undefined ? (['SIGHUP'] as const) : [])] as const;
  const stop = new AbortController();
  const hurry = new AbortController();
  const listener = (): void => {
    if (stop.signal.aborted) hurry.abort();
    else stop.abort();
  };
  for (const signal of ends) process.on(signal, listener);
  if (onHangUp !== undefined) process.on('SIGHUP', onHangUp);
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    [Symbol.dispose]: () => {
      for (const signal of ends) process.off(signal, listener);
      if (onHangUp !== undefined) process.off('SIGHUP', onHangUp);
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
