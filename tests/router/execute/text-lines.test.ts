import { TextLines } from '../../../router/execute/text-lines.js';
import { encodeDataRow } from '../../../wire/encode-backend.js';
import { readCopyData } from '../../../wire/frontend.js';

describe('TextLines', () => {
  it('writes lines that COPY reads back as the same values', () => {
    const rows = [
      encodeDataRow(['a\tb', null, 'größe']),
      encodeDataRow(['\\N', '', 'back\\slash\r\n']),
      encodeDataRow(['\\.', '\u0001', '日本']),
    ];
    const bytes = Buffer.concat([Buffer.from('before'), ...rows]);
    const lines = new TextLines();
    const messages = lines.add({ bytes, start: 6, end: bytes.length, rows: rows.length });
    expect(Buffer.concat(messages.map((message) => readCopyData(message))).toString('utf8')).toBe(
      ['a\\tb\t\\N\tgröße', '\\\\N\t\tback\\\\slash\\r\\n', '\\\\.\t\u0001\t日本', ''].join('\n'),
    );
    expect(lines.end()).toEqual([]);
  });
});
