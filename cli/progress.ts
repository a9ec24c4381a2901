/** What a person sees while servers start: on a terminal one line per server that changes, else a line per event. */

interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
/** Some terminals say that they have no columns. */
const UNKNOWN_COLUMNS = 80;

const MARKS = { waiting: '·', done: '✔', failed: '✖' } as const;

type State = 'waiting' | 'running' | 'done' | 'failed';

interface Line {
  state: State;
  text: string;
}

/** The display of some named things that are all on their way to be ready. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #lines = new Map<string, Line>();
  readonly #width: number;
  #drawn = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: ProgressOutput, names: readonly string[]) {
    this.#output = output;
    this.#width = Math.max(0, ...names.map((name) => name.length));
    for (const name of names) this.#lines.set(name, { state: 'waiting', text: 'waiting' });
    if (output.isTTY !== true) return;
    this.#draw();
    this.#timer = setInterval(() => {
      this.#frame += 1;
      this.#draw();
    }, FRAME_MS).unref();
  }

  /** Says what has become of one of them. */
  update(name: string, state: State, text: string): void {
    const line = this.#lines.get(name);
    if (line?.state === state && line.text === text) return;
    this.#lines.set(name, { state, text });
    if (this.#output.isTTY === true) this.#draw();
    else this.#output.write(`${name}: ${text}\n`);
  }

  /** Leaves the display as it is; a later line goes below it. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    const back = this.#drawn > 0 ? `\u001B[${this.#drawn}A` : '';
    const lines = [...this.#lines].map(([name, line]) => `\r\u001B[K${this.#format(name, line)}\n`);
    this.#output.write(back + lines.join(''));
    this.#drawn = lines.length;
  }

  #format(name: string, { state, text }: Line): string {
    // A line that wraps would make the cursor go up too few rows.
    const { columns = 0 } = this.#output;
    const room = Math.max(0, (columns > 0 ? columns : UNKNOWN_COLUMNS) - this.#width - 6);
    return `  ${this.#mark(state)} ${name.padEnd(this.#width)}  ${text.slice(0, room)}`;
  }

  #mark(state: State): string {
    return state === 'running' ? (FRAMES[this.#frame % FRAMES.length] ?? MARKS.waiting) : MARKS[state];
  }
}
