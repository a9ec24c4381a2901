import { ClientLines } from '../../../router/copy/client-lines.js';

describe("the client's lines of a COPY", () => {
  it('are found by the lines that each shard counts, with a header and values of several lines', () => {
    const lines = new ClientLines([1, 2]);
    lines.note(undefined, 1);
    lines.note(1, 2);
    lines.note(2, 5);
    lines.note(1, 6);
    lines.note(2, 7);
    expect([1, 2, 3].map((line) => lines.find(1, line))).toEqual([1, 2, 6]);
    expect([1, 4, 5].map((line) => lines.find(2, line))).toEqual([1, 5, 7]);
    expect(lines.find(2, 2)).toBeUndefined();
    expect(lines.find(3, 1)).toBeUndefined();
  });

  it('are forgotten when they were long ago', () => {
    const lines = new ClientLines([1]);
    for (let line = 1; line <= 70_000; line += 1) lines.note(1, line);
    expect(lines.find(1, 1)).toBeUndefined();
    expect(lines.find(1, 69_999)).toBe(69_999);
  });
});
