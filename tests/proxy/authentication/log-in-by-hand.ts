/** Logs in message by message, so that every message can be compared, and any of them be another one. */

import { randomBytes } from 'node:crypto';
import { readAuthentication } from '../../../wire/backend.js';
import {
  encodePassword,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartup,
} from '../../../wire/encode-frontend.js';
import { backendType } from '../../../wire/frame.js';
import { answerMd5, md5Verifier } from '../../../wire/md5.js';
import { answerScram, readScramChallenge, startScram } from '../../../wire/scram.js';
import { saltPassword, scramKeys, scramMechanism } from '../../../wire/scram-keys.js';
import { comparable, RawClient } from '../conversation.js';

/** Replaces a message of the client's. */
export type Meddle = (message: Buffer, step: 'password' | 'first' | 'final') => Buffer;

const asItIs: Meddle = (message) => message;

/** All messages of the server, comparable, up to ReadyForQuery or the end. */
export async function logInByHand(
  port: number,
  claim: { readonly user: string; readonly database: string; readonly password: string },
  meddle: Meddle = asItIs,
): Promise<string[]> {
  const client = new RawClient(port);
  const said: Buffer[] = [];
  const { user, database, password } = claim;
  client.write(
    encodeStartup([
      ['user', user],
      ['database', database],
    ]),
  );
  const start = startScram(randomBytes(18).toString('base64'));
  try {
    for (;;) {
      const frames = await client.answer({ types: 'RZE', count: 1 });
      said.push(...frames);
      const last = frames.at(-1);
      if (last === undefined || last[0] !== backendType.authentication) break;
      const request = readAuthentication(last);
      switch (request.kind) {
        case 'cleartext':
          client.write(meddle(encodePassword(password), 'password'));
          break;
        case 'md5':
          client.write(meddle(encodePassword(answerMd5(md5Verifier(user, password), request.salt)), 'password'));
          break;
        case 'sasl':
          client.write(meddle(encodeSaslInitialResponse(scramMechanism, start.message), 'first'));
          break;
        case 'saslContinue': {
          const challenge = readScramChallenge(start, request.data);
          const salted = await saltPassword(password, challenge.salt, challenge.iterations);
          client.write(meddle(encodeSaslResponse(answerScram(challenge, scramKeys(salted)).message), 'final'));
          break;
        }
        case 'ok':
        case 'saslFinal':
      }
    }
    return comparable(said);
  } finally {
    client.destroy();
  }
}
