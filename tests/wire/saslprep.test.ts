import { preparePassword } from '../../wire/saslprep.js';

describe('preparePassword', () => {
  // RFC 4013, section 3, and what PostgreSQL does where the RFC refuses: the password as it is.
  it.each([
    ['soft hyphens go', 'I\u00ADX', 'IX'],
    ['ASCII stays', 'user', 'user'],
    ['ASCII stays, control characters too', 'a\u0007b', 'a\u0007b'],
    ['case stays', 'USER\u00E9', 'USER\u00E9'],
    ['compatibility forms fold', '\u00AA', 'a'],
    ['Roman numerals fold', '\u2168', 'IX'],
    ['accents compose', 'e\u0301', '\u00E9'],
    ['spaces become the space', 'a\u00A0b\u200Bc\u3000d', 'a b c d'],
    ['a prohibited character keeps all as it was', '\u2168\u0007', '\u2168\u0007'],
    ['a character newer than Unicode 3.2 keeps all as it was', '\u2168\u{1F600}', '\u2168\u{1F600}'],
    ['right to left may not end in a digit', '\u0627\u2160\u0031', '\u0627\u2160\u0031'],
    ['right to left at both ends', '\u06271\u0628', '\u06271\u0628'],
    ['right to left with left to right keeps all as it was', '\u0627\u00AA\u0628', '\u0627\u00AA\u0628'],
    ['nothing left keeps all as it was', '\u00AD', '\u00AD'],
    ['nothing', '', ''],
  ])('%s', (_, password, prepared) => {
    expect(preparePassword(password)).toBe(prepared);
  });
});
