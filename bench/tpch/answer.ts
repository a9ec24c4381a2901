/** The answer to a query as the wire has it, and how two of them differ. */

import type { Client } from 'pg';

export interface Answer {
  /** Name, type oid and modifier of each column. */
  readonly columns: readonly string[];
  /** Each row as one text; NULL is not the empty text. */
  readonly rows: readonly string[];
}

const asText = { getTypeParser: () => (value: string) => value };

export async function ask(client: Client, sql: string): Promise<Answer> {
  const result = await client.query<(string | null)[]>({ text: sql, rowMode: 'array', types: asText });
  return {
    columns: result.fields.map(({ name, dataTypeID, dataTypeModifier }) => `${name} ${dataTypeID} ${dataTypeModifier}`),
    rows: result.rows.map((row) => JSON.stringify(row)),
  };
}

/** What is different, or undefined when the answers are the same in columns, types, rows and order. */
export function difference(expected: Answer, found: Answer): string | undefined {
  if (expected.columns.join() !== found.columns.join()) {
    return `columns: expected ${expected.columns.join(', ')}, found ${found.columns.join(', ')}`;
  }
  if (expected.rows.length !== found.rows.length) {
    return `expected ${expected.rows.length} rows, found ${found.rows.length}`;
  }
  const at = expected.rows.findIndex((row, index) => row !== found.rows[index]);
  return at < 0 ? undefined : `row ${at + 1}: expected ${expected.rows[at]}, found ${found.rows[at]}`;
}
