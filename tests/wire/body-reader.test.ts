import { BodyReader } from '../../wire/body-reader.js';
import { thrown } from './support.js';

describe('BodyReader', () => {
  const bytes = Buffer.from('ab\0cd\0');

  it('stays inside the part that it was given', () => {
    const reader = new BodyReader(bytes, 3, 5);
    expect(reader.remainingBytes).toBe(2);
    expect(thrown(() => reader.readString()).text).toBe('invalid string in message');
    expect(thrown(() => reader.readStringBytes()).text).toBe('invalid string in message');
    expect(thrown(() => reader.readInt32()).text).toBe('insufficient data left in message');
    expect(reader.readByte()).toBe(0x63);
    expect(thrown(() => reader.expectEnd()).text).toBe('invalid message format');
    expect(reader.readRest().toString()).toBe('d');
    expect(thrown(() => reader.readByte()).text).toBe('no data left in message');
    expect(() => reader.expectEnd()).not.toThrow();
  });

  it.each([
    [7, 7],
    [0, 7],
    [3, 2],
  ])('refuses a part that is not there: %i to %i', (start, end) => {
    expect(thrown(() => new BodyReader(bytes, start, end)).sqlstate).toBe('08P01');
  });
});
