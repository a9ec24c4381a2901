/** The splitter for a COPY's format. */

import { unreachable } from '../../base/assert.js';
import { BinarySplitter } from './binary-splitter.js';
import { CsvSplitter } from './csv-splitter.js';
import type { CopySource, CopySplitter } from './splitter.js';
import { TextSplitter } from './text-splitter.js';

export function createSplitter(source: CopySource): CopySplitter {
  const { kind } = source.format;
  switch (kind) {
    case 'text':
      return new TextSplitter(source);
    case 'csv':
      return new CsvSplitter(source);
    case 'binary':
      return new BinarySplitter(source);
    default:
      return unreachable(kind, 'a format of COPY');
  }
}
