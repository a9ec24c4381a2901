import type { CopyFormat } from '../../../planner/plan/plan.js';
import { createSplitter } from '../../../router/copy/create-splitter.js';
import type { CopySource } from '../../../router/copy/splitter.js';
import { countCopiedBytes } from '../../support/copied-bytes.js';
import { split } from './copy-data.js';

const text: CopyFormat = { kind: 'text', delimiter: '\t', nullText: '\\N', header: 'no', quote: '"', escape: '"' };
const csv: CopyFormat = { kind: 'csv', delimiter: ',', nullText: '', header: 'no', quote: '"', escape: '"' };

function source(format: CopyFormat, serverVersion: number): CopySource {
  return { format, relation: 'students', columns: ['id', 'name'], key: [0], serverVersion };
}

const rowsOf = (format: CopyFormat, version: number, data: string): string[] => {
  const found = split(source(format, version), Buffer.from(data), [1]);
  if (found.error !== undefined) throw found.error as Error;
  return found.rows.map((row) => row.raw.toString());
};

describe('LineSplitter', () => {
  it('ends CSV at the marker before PostgreSQL 18 only', () => {
    const data = '1,a\n\\.\n2,b\n';
    expect(rowsOf(csv, 170_000, data)).toEqual(['1,a\n']);
    expect(rowsOf({ ...csv, nullText: 'x' }, 180_000, '1,a\n\\.,\n2,b\n')).toEqual(['1,a\n', '\\.,\n', '2,b\n']);
    expect(rowsOf(csv, 170_000, '1,a\n\\.x,b\n')).toEqual(['1,a\n', '\\.x,b\n']);
  });

  it('takes a row before a marker on the same line before PostgreSQL 18 only', () => {
    expect(rowsOf(text, 170_000, '1\ta\\.\n2\tb\n')).toEqual(['1\ta']);
    expect(() => rowsOf(text, 180_000, '1\ta\\.\n')).toThrow('end-of-copy marker is not alone on its line');
    expect(() => rowsOf(text, 170_000, '1\ta\n\\.x\n')).toThrow('end-of-copy marker corrupt');
  });

  it('names the line and shows no more than 100 bytes of it', () => {
    const long = 'é'.repeat(80);
    const found = split({ ...source(text, 180_000), key: [1] }, Buffer.from(`1\ta\n${long}\n`), [7]);
    expect(found.error).toMatchObject({
      sqlstate: '22P04',
      message: 'missing data for column "name"',
      fields: { where: `COPY students, line 2: "${'é'.repeat(50)}..."` },
    });
  });

  it('reads a row of 40 MB in small chunks in linear time, and gives its memory back', () => {
    const splitter = createSplitter(source(text, 180_000));
    const chunk = Buffer.alloc(65_536, 0x61);
    let rowBytes = 0;
    const sink = {
      row: (_: Buffer, start: number, end: number): void => {
        rowBytes = end - start;
      },
      broadcast: (): void => undefined,
    };
    const copied = countCopiedBytes(() => {
      for (let count = 0; count < 640; count++) splitter.push(chunk, sink);
      splitter.push(Buffer.from('\n1\t2'), sink);
    });
    expect(rowBytes).toBe(640 * 65_536 + 1);
    expect(copied).toBeGreaterThanOrEqual(639 * 65_536);
    expect(copied).toBeLessThan(4 * 640 * 65_536);
  });
});
