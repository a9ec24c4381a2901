/** Files that may be replaced while pgring runs, and what is made of them: looked at whenever somebody needs it. */

import { readFileSync, statSync } from 'node:fs';

export class WatchedFiles<Made> {
  readonly #paths: readonly string[];
  readonly #make: (texts: readonly string[]) => Made;
  readonly #onFailure: (error: unknown) => void;
  #stamp: string;
  #made: Made;

  /** Reads them. Errors: those of reading and of `make`; later ones go to `onFailure`, and the last good state stays. */
  constructor(paths: readonly string[], make: (texts: readonly string[]) => Made, onFailure: (error: unknown) => void) {
    this.#paths = paths;
    this.#make = make;
    this.#onFailure = onFailure;
    this.#stamp = this.#readStamp();
    this.#made = this.#read();
  }

  /** What the files say now. */
  get current(): Made {
    const stamp = this.#readStamp();
    if (stamp !== this.#stamp) {
      // Whatever comes of it, the same state is not tried twice.
      this.#stamp = stamp;
      try {
        this.#made = this.#read();
      } catch (error) {
        this.#onFailure(error);
      }
    }
    return this.#made;
  }

  #read(): Made {
    return this.#make(this.#paths.map((path) => readFileSync(path, 'utf8')));
  }

  /** Changes with every replacement and every write; a file that is missing has a stamp, too. */
  #readStamp(): string {
    return this.#paths
      .map((path) => {
        const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
        return facts === undefined ? 'missing' : `${facts.ino} ${facts.size} ${facts.mtimeNs}`;
      })
      .join('\n');
  }
}
