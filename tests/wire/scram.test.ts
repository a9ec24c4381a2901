import { createHash, createHmac } from 'node:crypto';
import { answerScram, readScramChallenge, startScram, verifyScram } from '../../wire/scram.js';
import { saltPassword, scramKeys } from '../../wire/scram-keys.js';
import { thrown } from './support.js';

// RFC 7677, section 3.
const vector = {
  user: 'user',
  password: 'pencil',
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

const start = startScram(vector.nonce, vector.user);

async function answer(): Promise<ReturnType<typeof answerScram>> {
  const challenge = readScramChallenge(start, vector.serverFirst);
  return answerScram(challenge, scramKeys(await saltPassword(vector.password, challenge.salt, challenge.iterations)));
}

describe('SCRAM-SHA-256', () => {
  it("answers RFC 7677's example", async () => {
    expect(start.message).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    const final = await answer();
    expect(final.message).toBe(vector.clientFinal);
    expect(() => verifyScram(final, vector.serverFinal)).not.toThrow();
  });

  it('escapes the user', () => {
    expect(startScram('x', 'a=b,c').message).toBe('n,,n=a=3Db=2Cc,r=x');
  });

  it.each([
    ['v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', '28P01'],
    ['v=AAAA', '28P01'],
    ['e=invalid-proof', '28P01'],
    ['', '08P01'],
    ['v=', '08P01'],
    ['v=!!', '08P01'],
  ])('does not believe the server that ends with %p', async (message, sqlstate) => {
    const final = await answer();
    expect(thrown(() => verifyScram(final, message)).sqlstate).toBe(sqlstate);
  });

  it.each([
    ['another nonce', 'r=XOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=4096'],
    ['our nonce alone', 'r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096'],
    ['no salt', 'r=rOprNGfwEbeRWgbNEkqOabc,s=,i=4096'],
    ['a salt that is not base64', 'r=rOprNGfwEbeRWgbNEkqOabc,s=W2*Z,i=4096'],
    ['no iterations', 'r=rOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=0'],
    ['negative iterations', 'r=rOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=-1'],
    ['too many iterations', 'r=rOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=10000001'],
    ['far too many iterations', 'r=rOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=99999999999999999999'],
    ['an extension that is mandatory', 'm=ext,r=rOprNGfwEbeRWgbNEkqOabc,s=W22Z,i=4096'],
    ['nothing', ''],
  ])('refuses a challenge with %s', (_, message) => {
    expect(thrown(() => readScramChallenge(start, message)).sqlstate).toBe('08P01');
  });

  it('sends a proof that a server can check with what it stores', async () => {
    const challenge = readScramChallenge(start, vector.serverFirst);
    const salted = await saltPassword('pässword', challenge.salt, challenge.iterations);
    const final = answerScram(challenge, scramKeys(salted));
    const clientKey = createHmac('sha256', salted).update('Client Key').digest();
    const storedKey = createHash('sha256').update(clientKey).digest();
    const [withoutProof = '', proof = ''] = final.message.split(',p=');
    const authMessage = `n=user,r=${vector.nonce},${vector.serverFirst},${withoutProof}`;
    const signature = createHmac('sha256', storedKey).update(authMessage).digest();
    const recovered = Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0));
    expect(createHash('sha256').update(recovered).digest()).toEqual(storedKey);
  });
});
