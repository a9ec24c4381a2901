/**
 * Several streams read at once, each one run ahead (or, for streams whose connections others use between the runs, only
 * when a run is asked for). It holds at most one run of each stream, so what is in memory is
 * bounded by the number of streams; whoever consumes is woken when something arrived.
 */

import type { RowRun, RowStream } from './stream.js';

type Head =
  | { readonly kind: 'reading' }
  | { readonly kind: 'ready'; readonly run: RowRun }
  /** Its run was taken and no other was asked for. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'ended' };

const reading: Head = { kind: 'reading' };
const idle: Head = { kind: 'idle' };
const ended: Head = { kind: 'ended' };

interface IntakeOptions {
  /** Hears of each stream that has a run or has ended, in the order of arrival. */
  readonly onReady?: (index: number) => void;
  /** False: a stream is read only when its next run is asked for, so that nothing is under way between two runs. */
  readonly ahead?: boolean;
}

/** An error of any stream stops all the others, and every later call of `check` throws it. */
export class Intake {
  readonly #streams: readonly RowStream[];
  readonly #heads: Head[];
  readonly #onReady: ((index: number) => void) | undefined;
  readonly #ahead: boolean;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(streams: readonly RowStream[], options: IntakeOptions = {}) {
    const { onReady, ahead = true } = options;
    this.#streams = streams;
    this.#ahead = ahead;
    this.#heads = streams.map(() => idle);
    this.#onReady = onReady;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Throws what a stream failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Starts reading every stream. */
  start(): void {
    for (const index of this.#streams.keys()) this.#read(index);
  }

  /** The run that arrived on a stream (of a stream read ahead the next is asked for), 'ended', or 'reading'. */
  take(index: number): RowRun | 'ended' | 'reading' {
    const head = this.#heads[index] ?? ended;
    if (head.kind === 'ended') return 'ended';
    if (head.kind === 'idle' && !this.#ahead) this.#read(index);
    if (head.kind !== 'ready') return 'reading';
    this.#heads[index] = idle;
    if (this.#ahead) this.#read(index);
    return head.run;
  }

  /** Waits until anything has happened since the last look: an arrival, an end, an error, a stop. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const [index, stream] of this.#streams.entries()) {
      if (this.#heads[index]?.kind !== 'ended') stream.stop();
    }
    this.#notify();
  }

  #read(index: number): void {
    const stream = this.#streams[index];
    if (stream === undefined || this.#stopped) return;
    this.#heads[index] = reading;
    stream.next().then(
      (run) => {
        this.#heads[index] = run === undefined ? ended : { kind: 'ready', run };
        this.#onReady?.(index);
        this.#notify();
      },
      (error: unknown) => {
        this.#heads[index] = ended;
        if (this.#stopped) return;
        this.#failure = { error };
        this.stop();
      },
    );
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
