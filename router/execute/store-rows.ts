/** Rows that a query has made go into a table, wherever its placement wants them. */

import { PgError } from '../../base/errors.js';
import { copyDoneFrame } from '../../wire/encode-frontend.js';
import type { RowStream } from '../merge/stream.js';
import type { ExecutionContext } from './context.js';
import { copyIn } from './copy-in.js';
import type { CopyTarget } from './copy-target.js';
import { TextLines } from './text-lines.js';
import { TupleFrames } from './tuple-frames.js';

/** `columns`: quoted, as they stand in the rows; `format`: of the rows. */
export interface StoreTarget extends Omit<CopyTarget, 'format'> {
  readonly format: 'text' | 'binary';
  /** A list of columns behind the table's name, where not all are given. */
  readonly columnList: string;
}

/** Returns the number of rows. */
export async function storeRows(context: ExecutionContext, target: StoreTarget, rows: RowStream): Promise<number> {
  const { relation, columns, key, format, columnList, defaults = [] } = target;
  const messages = copyMessages(rows, format);
  const copied: CopyTarget = {
    relation,
    columns,
    key,
    defaults,
    target: target.target,
    format: { kind: format, ...marks },
  };
  try {
    return await copyIn(context, copied, `COPY ${relation}${columnList} FROM STDIN (FORMAT ${format})`, {
      ready: async () => {
        await Promise.resolve();
      },
      next: async () => (await messages.next()).value ?? copyDoneFrame,
    });
  } catch (error) {
    // That COPY carried the rows is our own affair.
    if (!(error instanceof PgError) || error.fields.where?.startsWith('COPY ') !== true) throw error;
    const { where: _where, ...fields } = error.fields;
    throw new PgError(error.sqlstate, error.message, fields);
  }
}

/** Those of the text format; in binary nobody looks at them. */
const marks = { delimiter: '\t', nullText: '\\N', header: 'no', quote: '', escape: '' } as const;

/** The rows as CopyData messages. */
async function* copyMessages(rows: RowStream, format: 'text' | 'binary'): AsyncGenerator<Buffer, undefined> {
  const frames = format === 'binary' ? new TupleFrames() : new TextLines();
  for (let run = await rows.next(); run !== undefined; run = await rows.next()) yield* frames.add(run);
  yield* frames.end();
  return undefined;
}
