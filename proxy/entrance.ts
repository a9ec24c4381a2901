/** The first packets of a connection: requests for encryption, each answered once, up to what the client has come for. */

import { encryptionRefused, sslAccepted } from '../wire/encode-backend.js';
import {
  checkNothingFollows,
  readStartupPacket,
  StartupReader,
  type ProtocolVersion,
  type StartupPacket,
} from '../wire/startup.js';

/** What a client has come for. */
export type Arrival =
  /** A handshake comes next, or its beginning was read already. */
  | { readonly kind: 'encrypt'; readonly begun: Buffer | undefined }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Buffer }
  | {
      readonly kind: 'startup';
      readonly protocol: ProtocolVersion;
      readonly parameters: ReadonlyMap<string, string>;
      /** What was sent behind the packet. */
      readonly rest: Buffer;
    };

/** The first byte of a TLS handshake; a start-up packet begins with the high byte of its length, which is 0. */
const TLS_HANDSHAKE = 0x16;

export class Entrance {
  readonly #mayEncrypt: boolean;
  readonly #answer: (bytes: Buffer) => void;
  readonly #reader = new StartupReader();
  #asked: { readonly ssl: boolean; readonly gss: boolean };

  /** `isEncrypted`: by then neither kind of encryption can be asked for. */
  constructor(options: {
    readonly isEncrypted: boolean;
    readonly mayEncrypt: boolean;
    readonly answer: (bytes: Buffer) => void;
  }) {
    this.#mayEncrypt = options.mayEncrypt;
    this.#answer = options.answer;
    this.#asked = { ssl: options.isEncrypted, gss: options.isEncrypted };
  }

  /** Takes bytes; undefined until it is known what they are for. Errors: 08P01, 0A000 for another protocol. */
  receive(chunk: Buffer): Arrival | undefined {
    if (this.#isHandshake(chunk)) return { kind: 'encrypt', begun: chunk };
    this.#reader.push(chunk);
    for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
      const { ssl, gss } = this.#asked;
      const request: StartupPacket = readStartupPacket(packet, { ssl: !ssl, gss: !gss });
      switch (request.kind) {
        case 'ssl':
        case 'gssenc': {
          const isSsl = request.kind === 'ssl';
          checkNothingFollows(this.#reader, request.kind);
          this.#asked = { ssl: ssl || isSsl, gss: gss || !isSsl };
          const isAccepted = isSsl && this.#mayEncrypt;
          this.#answer(isAccepted ? sslAccepted : encryptionRefused);
          if (isAccepted) return { kind: 'encrypt', begun: undefined };
          break;
        }
        case 'cancel':
          return request;
        case 'startup':
          return { ...request, rest: this.#reader.takeRest() };
      }
    }
    return undefined;
  }

  /** libpq's sslnegotiation=direct: a handshake comes first of all. */
  #isHandshake(chunk: Buffer): boolean {
    const isFirst = this.#reader.bufferedBytes === 0 && !this.#asked.ssl && !this.#asked.gss;
    return isFirst && this.#mayEncrypt && chunk[0] === TLS_HANDSHAKE;
  }
}
