import { createHash } from 'node:crypto';
import { answerMd5, md5Verifier } from '../../wire/md5.js';

describe('answerMd5', () => {
  it("hashes the salt after PostgreSQL's stored form, md5(password user)", () => {
    const stored = createHash('md5').update('secretann').digest('hex');
    const salt = Buffer.from([0, 255, 1, 128]);
    const expected = createHash('md5')
      .update(Buffer.concat([Buffer.from(stored), salt]))
      .digest('hex');
    expect(answerMd5(md5Verifier('ann', 'secret'), salt)).toBe(`md5${expected}`);
  });
});
