import { formatTag, readTagCommand, readTagRows } from '../../wire/command-tag.js';

describe('command tags', () => {
  it.each([
    ['INSERT 0 5', 'INSERT', 5],
    ['UPDATE 0', 'UPDATE', 0],
    ['SELECT 5000000000', 'SELECT', 5_000_000_000],
    ['COPY 7', 'COPY', 7],
    ['BEGIN', 'BEGIN', undefined],
    ['CREATE TABLE', 'CREATE TABLE', undefined],
    ['', '', undefined],
  ])('%s', (tag, command, rows) => {
    expect(readTagRows(tag)).toBe(rows);
    expect(readTagCommand(tag)).toBe(command);
    expect(formatTag(command, rows)).toBe(tag);
  });

  it('formats bigints', () => {
    expect(formatTag('UPDATE', 5n)).toBe('UPDATE 5');
    expect(formatTag('INSERT', 2n ** 63n)).toBe('INSERT 0 9223372036854775808');
  });
});
