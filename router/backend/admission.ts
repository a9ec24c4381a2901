/**
 * How many sessions have server connections at one time. A session that has none waits until there is room; one that has
 * some is never kept waiting for another, since on every shard there is a place for each session that was let in. So no
 * two sessions can wait for each other's connections.
 */

export class Admission {
  readonly #maximum: number;
  /** Connections by session. */
  readonly #held = new Map<object, number>();
  /** Requests that wait, by session. */
  readonly #waiting = new Map<object, number>();
  readonly #onChange: () => void;
  #lacksRoom = false;

  /** `onChange`: who could not be served before may be served now. */
  constructor(maximum: number, onChange: () => void) {
    this.#maximum = maximum;
    this.#onChange = onChange;
  }

  /** Whether one more session may have connections; where not, those who ask are told when that changes. */
  hasRoom(): boolean {
    if (this.#held.size < this.#maximum) return true;
    this.#lacksRoom = true;
    return false;
  }

  holds(owner: object): boolean {
    return this.#held.has(owner);
  }

  /** The session waits for a connection: it goes before others as soon as it has another one. */
  beginWait(owner: object): void {
    this.#waiting.set(owner, (this.#waiting.get(owner) ?? 0) + 1);
  }

  endWait(owner: object): void {
    const waiting = (this.#waiting.get(owner) ?? 0) - 1;
    if (waiting > 0) this.#waiting.set(owner, waiting);
    else this.#waiting.delete(owner);
  }

  add(owner: object): void {
    const held = this.#held.get(owner) ?? 0;
    this.#held.set(owner, held + 1);
    if (held === 0 && this.#waiting.has(owner)) queueMicrotask(this.#onChange);
  }

  remove(owner: object): void {
    const held = this.#held.get(owner) ?? 0;
    if (held > 1) {
      this.#held.set(owner, held - 1);
      return;
    }
    this.#held.delete(owner);
    if (!this.#lacksRoom) return;
    this.#lacksRoom = false;
    queueMicrotask(this.#onChange);
  }
}
