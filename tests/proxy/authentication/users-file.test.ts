import { parseUsersFile } from '../../../proxy/authentication/users-file.js';

describe('parseUsersFile', () => {
  it('reads names and secrets', () => {
    const text = '; a comment\n"app" "secret"\n\n# another\n "o""brien"\t"p""w" "ignored"\r\n"empty" ""\n';
    expect([...parseUsersFile(text, 'users.txt')]).toEqual([
      ['app', 'secret'],
      ['o"brien', 'p"w'],
      ['empty', ''],
    ]);
  });

  it.each(['app secret', '"app"', '"app "secret"', '"" "secret"', '"app" "secret'])(
    'says which line is none: %s',
    (line) => {
      expect(() => parseUsersFile(`"ok" "x"\n${line}`, 'users.txt')).toThrow('users.txt:2: expected "name" "secret"');
    },
  );
});
