/**
 * What all clients have prepared under names, each text once: servers know a statement by pgring's name for it, whatever
 * the clients call it, so a connection that has it serves them all.
 */

import { encodeParse } from '../wire/encode-frontend.js';
import type { Definition } from './prepared.js';

/** All names of pgring's begin so. */
const DEFINED = 'pgring_s';

export class Definitions {
  /** In the order of use, the latest last. */
  readonly #definitions = new Map<string, Definition>();
  readonly #maximum: number;
  /** How many a server connection has at one time. */
  readonly perConnection: number;
  #number = 0;

  constructor(maximum: number, perConnection: number) {
    this.#maximum = maximum;
    this.perConnection = perConnection;
  }

  get(sql: Buffer, parameterTypes: readonly number[], context: string): Definition {
    const key = `${context}${parameterTypes.join()}\0${sql.toString('latin1')}`;
    let definition = this.#definitions.get(key);
    if (definition === undefined) {
      this.#number += 1;
      const name = `${DEFINED}${this.#number}`;
      definition = { name, context, parseFrame: encodeParse(name, sql, parameterTypes), shape: undefined };
    } else this.#definitions.delete(key);
    this.#definitions.set(key, definition);
    if (this.#definitions.size > this.#maximum) {
      const [oldest] = this.#definitions.keys();
      if (oldest !== undefined) this.#definitions.delete(oldest);
    }
    return definition;
  }
}
