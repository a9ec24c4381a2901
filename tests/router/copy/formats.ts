/** Formats of COPY that PostgreSQL accepts. */

import * as fc from 'fast-check';
import type { CopyFormat } from '../../../planner/plan/plan.js';

const unused = { quote: '"', escape: '"' } as const;

export const textFormat: fc.Arbitrary<CopyFormat> = fc.record({
  kind: fc.constant('text' as const),
  delimiter: fc.constantFrom('\t', '\t', ',', '|', '\u0001'),
  nullText: fc.constantFrom('\\N', '\\N', '', 'N', 'a', '\\a'),
  header: fc.constantFrom('no' as const, 'no' as const, 'yes' as const, 'match' as const),
  quote: fc.constant(unused.quote),
  escape: fc.constant(unused.escape),
});

export const csvFormat: fc.Arbitrary<CopyFormat> = fc.record({
  kind: fc.constant('csv' as const),
  delimiter: fc.constantFrom(',', ',', '\t', ';'),
  nullText: fc.constantFrom('', '', '\\N', 'a'),
  header: fc.constantFrom('no' as const, 'no' as const, 'yes' as const, 'match' as const),
  quote: fc.constantFrom('"', '"', "'"),
  escape: fc.constantFrom('"', '\\', "'", 'x'),
});

export const binaryFormat: CopyFormat = {
  kind: 'binary',
  delimiter: '\t',
  nullText: '\\N',
  header: 'no',
  ...unused,
};
