/** How values of all types travel as parameters: PostgreSQL itself is asked for their oids and binary forms. */

import { readDataRow, readErrorResponse, readRowDescription } from '../../../wire/backend.js';
import { backendType } from '../../../wire/frame.js';
import type { RawClient } from '../raw-client.js';
import { comparableTypes, exoticTypes, literalOf, type ColumnType } from './types.js';

/** literalOf() has no more different values of a type than that. */
const VARIETY = 56;
/** The first oid of types that users make, which differ between servers. */
const FIRST_USER_OID = 16_384;

export class WireForms {
  readonly #oids = new Map<ColumnType, number>();
  readonly #binary = new Map<string, Buffer>();

  /** The type's oid for Parse; 0 where each server has another. */
  oidOf(type: ColumnType): number {
    return this.#oids.get(type) ?? 0;
  }

  binaryOf(type: ColumnType, literal: string): Buffer | undefined {
    return this.#binary.get(`${type} ${literal}`);
  }

  /** The schema of users' types must be on the search path. */
  static async read(client: RawClient): Promise<WireForms> {
    const forms = new WireForms();
    for (const type of new Set([...comparableTypes, ...exoticTypes])) await forms.#add(client, type);
    return forms;
  }

  async #add(client: RawClient, type: ColumnType): Promise<void> {
    const literals = [...new Set(Array.from({ length: VARIETY }, (_, number) => literalOf(type, number)))];
    const sql = `SELECT ${literals.map((literal) => `${literal}::${type}`).join(', ')}`;
    const binaryResults = { formats: [], values: [], resultFormats: [1] };
    for (const frame of await client.pipeline(sql, [], [binaryResults], 0)) {
      if (frame[0] === backendType.errorResponse) throw new Error(`${sql}: ${readErrorResponse(frame).message}`);
      if (frame[0] === backendType.rowDescription) {
        const oid = readRowDescription(frame)[0]?.typeOid ?? 0;
        this.#oids.set(type, oid < FIRST_USER_OID ? oid : 0);
      }
      if (frame[0] === backendType.dataRow) {
        const values = readDataRow(frame);
        for (const [index, literal] of literals.entries()) {
          const value = values[index];
          // Values of users' types have oids of one server in them.
          if (value !== undefined && value !== null && this.oidOf(type) !== 0)
            this.#binary.set(`${type} ${literal}`, value);
        }
      }
    }
  }
}
