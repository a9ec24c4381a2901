/** Files of rows for COPY: written once, so that what makes them costs nothing while it is measured. */

import { createWriteStream, statSync } from 'node:fs';
import { once } from 'node:events';

export type Shape = 'text' | 'csv' | 'text without its serial key';

export const shapes: readonly Shape[] = ['text', 'csv', 'text without its serial key'];

const BLOCK_ROWS = 4_096;

/** The columns of a file, as COPY names them. */
export function columnsOf(shape: Shape): string {
  return shape === 'text without its serial key' ? '(tenant, at, note)' : '(id, tenant, at, note)';
}

export function optionsOf(shape: Shape): string {
  return shape === 'csv' ? '(FORMAT csv)' : '';
}

/** Writes the file; returns its bytes. About 115 bytes a row. */
export async function writeRows(path: string, shape: Shape, rows: number): Promise<number> {
  const file = createWriteStream(path);
  for (let first = 1; first <= rows; first += BLOCK_ROWS) {
    const lines: string[] = [];
    for (let id = first; id < Math.min(first + BLOCK_ROWS, rows + 1); id += 1) lines.push(lineOf(shape, id));
    if (!file.write(lines.join(''))) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
  return statSync(path).size;
}

function lineOf(shape: Shape, id: number): string {
  const separator = shape === 'csv' ? ',' : '\t';
  const note = `note number ${id} of a row that is as long as rows are, with some words in it`;
  const fields = [String((id * 7_919) % 1_000), '2026-11-22 10:00:00+00', shape === 'csv' ? `"${note}"` : note];
  if (shape !== 'text without its serial key') fields.unshift(String(id));
  return `${fields.join(separator)}\n`;
}
