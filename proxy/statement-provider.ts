/** What a relayed pipeline writes, with its statements under the names that the server knows them by. */

import { assert } from '../base/assert.js';
import { encodeClose, encodeDescribe } from '../wire/encode-frontend.js';
import { readParameterDescription } from '../wire/backend.js';
import { backendType } from '../wire/frame.js';
import { renameInBind, renameInDescribe } from '../wire/rename-statement.js';
import type { BackendConnection } from '../router/backend/connection.js';
import type { ExpectedParse } from '../router/backend/relay.js';
import { parseForShard } from '../router/backend/shard-oids.js';
import { definitionOf } from './definition-of.js';
import type { Definition, PreparedStatement } from './prepared.js';
import type { SessionScope } from './session-scope.js';

/** Buffers to write, with neighbours in one chunk joined again. */
export class Pieces {
  readonly list: Buffer[] = [];

  add(bytes: Buffer): void {
    const last = this.list.at(-1);
    if (last !== undefined && last.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      this.list[this.list.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length);
    } else if (bytes.length > 0) this.list.push(bytes);
  }
}

/** Whether the server has what the client has prepared. */
export function isPreparedOn({ prepared }: BackendConnection, statement: PreparedStatement): boolean {
  const { name, definition } = statement;
  return prepared.get(definition?.name ?? name) === (definition ?? statement);
}

export class StatementProvider {
  readonly expectedParses: ExpectedParse[] = [];
  readonly names = new Map<string, string>();
  /** Parse messages at the beginning of the pipeline whose statements the server has. */
  answered = 0;
  readonly #scope: SessionScope;
  readonly #connection: BackendConnection;
  readonly #pieces: Pieces;
  /** Names on the server that the pipeline uses. */
  readonly #used = new Set<string>();

  constructor(scope: SessionScope, connection: BackendConnection, pieces: Pieces) {
    this.#scope = scope;
    this.#connection = connection;
    this.#pieces = pieces;
  }

  /** A Parse of the client's. */
  parse(statement: PreparedStatement, frame: Buffer): void {
    const { prepared } = this.#connection;
    if (statement.name === '') {
      prepared.delete('');
      this.#used.add('');
      this.expectedParses.push({ name: '', statement, pass: true });
      this.#pieces.add(parseForShard(frame, this.#connection.oidMap()));
      return;
    }
    const definition = this.#define(statement);
    const isThere = prepared.get(definition.name) === definition;
    if (isThere && this.#pieces.list.length === 0) {
      this.answered += 1;
      this.#use(definition);
      return;
    }
    // The answer must come in its turn, so the server has to give it.
    if (isThere || this.#used.has(definition.name)) this.#close(definition.name);
    this.#send(definition, true);
  }

  /** A Bind of the client's. */
  bind(statement: PreparedStatement, frame: Buffer): void {
    const name = this.#provide(statement);
    if (name === undefined) this.#pieces.add(frame);
    else for (const piece of renameInBind(frame, name)) this.#pieces.add(piece);
  }

  /** A Describe of a statement. */
  describe(statement: PreparedStatement, frame: Buffer): void {
    const name = this.#provide(statement);
    if (name === undefined) this.#pieces.add(frame);
    else for (const piece of renameInDescribe(frame, name)) this.#pieces.add(piece);
  }

  /** Makes sure that the server has the statement. The name that it has there; undefined for the unnamed one. */
  #provide(statement: PreparedStatement): string | undefined {
    const { prepared } = this.#connection;
    if (statement.name === '') {
      if (this.#used.has('') || prepared.get('') === statement) return undefined;
      prepared.delete('');
      this.#used.add('');
      this.#pieces.add(parseForShard(statement.parseFrame, this.#connection.oidMap()));
      this.expectedParses.push({ name: '', statement, pass: false });
      return undefined;
    }
    const definition = this.#define(statement);
    if (this.#used.has(definition.name)) return definition.name;
    if (prepared.get(definition.name) === definition) this.#use(definition);
    else this.#send(definition, false);
    return definition.name;
  }

  #define(statement: PreparedStatement): Definition {
    const definition = definitionOf(this.#scope, statement);
    assert(definition !== undefined, 'a statement is relayed only when it is defined');
    this.names.set(definition.name, statement.name);
    return definition;
  }

  /** It is the one used last. */
  #use(definition: Definition): void {
    const { prepared } = this.#connection;
    prepared.delete(definition.name);
    prepared.set(definition.name, definition);
    this.#used.add(definition.name);
  }

  #send(definition: Definition, pass: boolean): void {
    const { prepared } = this.#connection;
    const { perConnection } = this.#scope.definitions;
    for (const name of prepared.keys()) {
      if (prepared.size < perConnection) break;
      if (name !== '' && !this.#used.has(name)) this.#close(name);
    }
    this.#used.add(definition.name);
    this.#pieces.add(parseForShard(definition.parseFrame, this.#connection.oidMap()));
    const asks = definition.shape === undefined;
    if (asks) this.#pieces.add(encodeDescribe('statement', definition.name));
    this.expectedParses.push({
      name: definition.name,
      statement: definition,
      pass,
      describe: asks
        ? (parameters, rows) => {
            const rowDescription = rows[0] === backendType.noData ? undefined : rows;
            definition.shape ??= { parameterTypes: readParameterDescription(parameters), rowDescription };
          }
        : undefined,
    });
  }

  #close(name: string): void {
    this.#connection.prepared.delete(name);
    this.#pieces.add(encodeClose('statement', name));
  }
}
