/** The shard of a row that is copied, by the fields of its key. */

import { PgError, refuse, sqlstate } from '../../base/errors.js';
import type { ShardId } from '../../catalog/topology.js';
import { typeOid } from '../../catalog/type-oid.js';
import { columnContext, lineContext } from '../copy/errors.js';
import type { KeyField } from '../copy/splitter.js';
import type { BoundValue } from '../ring/bound-value.js';
import { hashUint32, newHash } from '../ring/hash-bytes.js';
import { foldInteger } from '../ring/integer-text.js';
import { hashRow } from '../ring/locate.js';
import type { ShardMap } from '../ring/shard-map.js';
import type { CopyTarget } from './copy-target.js';

const integerWidths: ReadonlyMap<number, 2 | 4 | 8> = new Map([
  [typeOid.int2, 2],
  [typeOid.int4, 4],
  [typeOid.int8, 8],
]);

const nullValue: BoundValue = { kind: 'null' };

export class CopyKeys {
  readonly #map: ShardMap;
  readonly #target: CopyTarget;
  readonly #kind: 'binary' | 'text';
  readonly #types: readonly number[];
  readonly #modifiers: readonly number[];
  /** Where each key column's field is among those that are given; -1 for a column that no row has. */
  readonly #places: readonly number[];
  readonly #hash = newHash();
  /** Of a key that is one integer, written out: most are. */
  readonly #integerWidth: 2 | 4 | 8 | undefined;

  constructor(map: ShardMap, target: CopyTarget) {
    const { key, columns, defaults = [], format } = target;
    this.#map = map;
    this.#target = target;
    this.#kind = format.kind === 'binary' ? 'binary' : 'text';
    this.#types = key.map(({ typeOid }) => typeOid);
    this.#integerWidth =
      key.length === 1 && format.kind !== 'binary' ? integerWidths.get(key[0]?.typeOid ?? 0) : undefined;
    this.#modifiers = key.map(({ typeModifier }) => typeModifier);
    const inData = key.filter(({ index }) => index >= 0 && index < columns.length);
    // The fields of the data come first, those of all defaults behind them.
    this.#places = key.map((part) => {
      if (part.index < 0 || part.index >= columns.length + defaults.length) return -1;
      return part.index < columns.length ? inData.indexOf(part) : inData.length + part.index - columns.length;
    });
  }

  /** Errors: a key that its type does not take, with the place that PostgreSQL would name. */
  owner(fields: readonly (KeyField | null)[], line: number): ShardId {
    const key = this.#places.map((place) => fields[place] ?? null);
    try {
      return this.#locate(key);
    } catch (error) {
      throw this.#inColumn(error, key, line);
    }
  }

  /** The same; undefined for a key that its type does not take. */
  ownerIfValid(fields: readonly (KeyField | null)[], line: number): ShardId | undefined {
    try {
      return this.owner(fields, line);
    } catch (error) {
      if (!(error instanceof PgError) || error.sqlstate === sqlstate.featureNotSupported) throw error;
      return undefined;
    }
  }

  #locate(key: readonly (KeyField | null)[]): ShardId {
    const hash = this.#hash;
    hash.high = 0;
    hash.low = 0;
    const [first] = key;
    if (this.#integerWidth !== undefined && first !== null && first !== undefined) {
      const folded = foldInteger(first.bytes, first.start, first.end, this.#integerWidth);
      if (folded >= 0) {
        hashUint32(folded, hash);
        return this.#map.ownerOfHash(hash.high);
      }
    }
    const values = key.map((field, index): BoundValue =>
      field === null ? nullValue : { kind: this.#kind, bytes: this.#read(field), typeOid: this.#types[index] ?? 0 },
    );
    const [undecided] = hashRow(this.#types, values, hash, this.#modifiers);
    if (undecided !== undefined) {
      const { relation } = this.#target;
      throw new PgError(
        sqlstate.featureNotSupported,
        `the shard of key "${textOf(key[undecided] ?? null)}" cannot be told from its text`,
        {
          hint: 'Write the value in its canonical form: an ISO date, a timestamp with a numeric offset.',
          where: `COPY ${relation}`,
        },
      );
    }
    return this.#map.ownerOfHash(hash.high);
  }

  /** The field's bytes as the server will hold them. */
  #read({ bytes, start, end }: KeyField): Buffer {
    const field = bytes.subarray(start, end);
    const encoding = this.#kind === 'binary' ? 'utf8' : (this.#target.intake?.encoding ?? 'utf8');
    if (encoding === 'utf8' || field.every((byte) => byte < 0x80)) return field;
    if (encoding === 'latin1') return Buffer.from(field.toString('latin1'), 'utf8');
    throw refuse('a shard key with other than ASCII characters in this encoding', 'Send the data in UTF-8.', {
      where: `COPY ${this.#target.relation}`,
    });
  }

  /** The error of a key's text with its place (CopyFromErrorCallback(), copyfrom.c). */
  #inColumn(error: unknown, key: readonly (KeyField | null)[], line: number): unknown {
    if (!(error instanceof PgError) || error.fields.where !== undefined) return error;
    const { relation, columns, key: parts } = this.#target;
    const index = key.findIndex((field) => error.message.includes(`"${textOf(field)}"`));
    const field = key[index];
    const where =
      field === undefined || field === null
        ? lineContext(relation, line)
        : columnContext(relation, line, columns[parts[index]?.index ?? 0] ?? '', field);
    return new PgError(error.sqlstate, error.message, { ...error.fields, where });
  }
}

function textOf(field: KeyField | null): string {
  return field === null ? '' : field.bytes.toString('utf8', field.start, field.end);
}
