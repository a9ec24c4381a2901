/**
 * DataRow messages in text as data of COPY … (FORMAT text) (PostgreSQL manual, COPY, "Text Format"): for values whose
 * binary form holds oids that mean something else on another server.
 */

import { readDataRow } from '../../wire/backend.js';
import { encodeCopyData } from '../../wire/encode-frontend.js';
import type { RowRun } from '../backend/row-run.js';
import { frameEnd } from '../merge/stream.js';

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

export class TextLines {
  /** Takes rows; gives CopyData messages. */
  add(run: RowRun): readonly Buffer[] {
    const lines: string[] = [];
    for (let position = run.start; position < run.end; position = frameEnd(run.bytes, position)) {
      lines.push(readDataRow(run.bytes, position).map(fieldText).join('\t'), '\n');
    }
    return [encodeCopyData(Buffer.from(lines.join(''), 'latin1'))];
  }

  /** Text ends without a trailer. */
  end(): readonly Buffer[] {
    return [];
  }
}

/** In Latin 1, so that each character is one byte as it came; those that are escaped are no part of others in UTF-8. */
function fieldText(value: Buffer | null): string {
  if (value === null) return '\\N';
  return value.toString('latin1').replace(/[\\\n\r\t]/g, (character) => escapes[character] ?? character);
}
