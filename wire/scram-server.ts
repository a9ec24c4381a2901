/**
 * SCRAM-SHA-256 from the server's side, in the words of PostgreSQL (src/backend/libpq/auth-scram.c): each step takes a
 * message of a stranger. What is malformed throws; a proof that does not hold is no error here, since who is unknown and
 * who is wrong must hear the same.
 *
 *   readClientFirst ← client-first, startScramServer → server-first, checkClientFinal ← client-final → server-final
 */

import { timingSafeEqual } from 'node:crypto';
import { PgError, sqlstate } from '../base/errors.js';
import { hmac, scramHashBytes, storedKeyOf, xor, type ScramKeys, type ScramVerifier } from './scram-keys.js';

/** The longest message of an exchange (scram.h, PG_MAX_SASL_MESSAGE_LENGTH). */
export const maximumSaslMessageBytes = 1024;

/** The channel below: the hash of the certificate that the client saw, and whether the client chose to bind to it. */
export interface ScramChannel {
  readonly certificateHash: Buffer | undefined;
  readonly bound: boolean;
}

interface ClientFirst {
  /** The message without the header in front. */
  readonly bare: string;
  readonly nonce: string;
  /** What the client must repeat in its last message. */
  readonly binding: Buffer;
}

interface ScramServerStart {
  /** The server-first message. */
  readonly message: string;
  readonly first: ClientFirst;
  readonly nonce: string;
  readonly verifier: ScramVerifier;
}

function malformed(detail: string): PgError {
  return new PgError(sqlstate.protocolViolation, 'malformed SCRAM message', { severity: 'FATAL', detail });
}

/** A character as PostgreSQL shows it in errors (sanitize_char): others than printable ones by their code. */
function shown(text: string): string {
  const code = text.length === 0 ? 0 : (text.codePointAt(0) ?? 0);
  if (code >= 0x21 && code <= 0x7e) return `'${String.fromCharCode(code)}'`;
  return `0x${code.toString(16).padStart(2, '0')}`;
}

/** Takes a message as text; each byte is a character, for PostgreSQL compares bytes. */
export function readSaslText(bytes: Buffer): string {
  if (bytes.length === 0) throw malformed('The message is empty.');
  if (bytes.includes(0)) throw malformed('Message length does not match input length.');
  return bytes.toString('latin1');
}

/** Reads attributes one after the other: `r=…,s=…`. */
class Attributes {
  readonly #text: string;
  #offset: number;

  constructor(text: string, offset: number) {
    this.#text = text;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get atEnd(): boolean {
    return this.#offset >= this.#text.length;
  }

  peek(): string {
    return this.#text.charAt(this.#offset);
  }

  skip(): void {
    this.#offset += 1;
  }

  /** The value of the attribute that must come next (read_attr_value). */
  value(name: string): string {
    if (this.peek() !== name) {
      throw malformed(`Expected attribute "${name}" but found "${shown(this.peek())}".`);
    }
    this.skip();
    this.#expectEquals(name);
    return this.#rest();
  }

  /** The name and value of any attribute (read_any_attr). */
  any(): { readonly name: string; readonly value: string } {
    const name = this.peek();
    if (name === '') throw malformed('Attribute expected, but found end of string.');
    if (!/[A-Za-z]/.test(name)) throw malformed(`Attribute expected, but found invalid character "${shown(name)}".`);
    this.skip();
    this.#expectEquals(name);
    return { name, value: this.#rest() };
  }

  #expectEquals(name: string): void {
    if (this.peek() !== '=') throw malformed(`Expected character "=" for attribute "${name}".`);
    this.skip();
  }

  #rest(): string {
    const comma = this.#text.indexOf(',', this.#offset);
    const end = comma < 0 ? this.#text.length : comma;
    const value = this.#text.slice(this.#offset, end);
    this.#offset = comma < 0 ? end : end + 1;
    return value;
  }
}

/** Reads the client-first message (read_client_first_message). */
export function readClientFirst(message: string, channel: ScramChannel): ClientFirst {
  const header = readHeader(message, channel);
  const attributes = new Attributes(message, header.length);
  if (attributes.peek() === 'm') {
    throw new PgError(sqlstate.featureNotSupported, 'client requires an unsupported SCRAM extension', {
      severity: 'FATAL',
    });
  }
  attributes.value('n');
  const nonce = attributes.value('r');
  if (!/^[\x21-\x2b\x2d-\x7e]*$/.test(nonce)) {
    throw new PgError(sqlstate.protocolViolation, 'non-printable characters in SCRAM nonce', { severity: 'FATAL' });
  }
  while (!attributes.atEnd) attributes.any();
  const hash = channel.bound ? channel.certificateHash : undefined;
  const binding = Buffer.concat([Buffer.from(header, 'latin1'), hash ?? Buffer.alloc(0)]);
  return { bare: message.slice(header.length), nonce, binding };
}

/** The header up to the bare message: what the client says of the channel, and no other identity. */
function readHeader(message: string, channel: ScramChannel): string {
  const attributes = new Attributes(message, 0);
  const flag = attributes.peek();
  switch (flag) {
    case 'n':
    case 'y':
      if (channel.bound) {
        const what =
          'The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.';
        throw malformed(what);
      }
      if (flag === 'y' && channel.certificateHash !== undefined) {
        throw new PgError(sqlstate.invalidAuthorization, 'SCRAM channel binding negotiation error', {
          severity: 'FATAL',
          detail:
            'The client supports SCRAM channel binding but thinks the server does not.  ' +
            'However, this server does support channel binding.',
        });
      }
      attributes.skip();
      expectComma(attributes);
      break;
    case 'p': {
      if (!channel.bound) {
        const what =
          'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.';
        throw malformed(what);
      }
      const type = attributes.value('p');
      if (type !== 'tls-server-end-point') {
        throw new PgError(sqlstate.protocolViolation, `unsupported SCRAM channel-binding type "${type}"`, {
          severity: 'FATAL',
        });
      }
      break;
    }
    default:
      throw malformed(`Unexpected channel-binding flag "${shown(flag)}".`);
  }
  if (attributes.peek() === 'a') {
    throw new PgError(sqlstate.featureNotSupported, 'client uses authorization identity, but it is not supported', {
      severity: 'FATAL',
    });
  }
  if (attributes.peek() !== ',') {
    throw malformed(`Unexpected attribute "${shown(attributes.peek())}" in client-first-message.`);
  }
  attributes.skip();
  return message.slice(0, attributes.offset);
}

function expectComma(attributes: Attributes): void {
  if (attributes.peek() !== ',') {
    throw malformed(`Comma expected, but found character "${shown(attributes.peek())}".`);
  }
  attributes.skip();
}

/** The challenge; `nonce` is fresh chance in base64. */
export function startScramServer(first: ClientFirst, verifier: ScramVerifier, nonce: string): ScramServerStart {
  const both = `${first.nonce}${nonce}`;
  const message = `r=${both},s=${verifier.salt.toString('base64')},i=${verifier.iterations}`;
  return { message, first, nonce: both, verifier };
}

interface ScramServerEnd {
  /** The server-final message: the server's own proof. */
  readonly message: string;
  /** What the client's proof has shown; it opens any server that has the same verifier. */
  readonly keys: ScramKeys;
}

/** Reads the client-final message; undefined when the proof does not hold. */
export function checkClientFinal(start: ScramServerStart, message: string, bound: boolean): ScramServerEnd | undefined {
  const attributes = new Attributes(message, 0);
  const binding = attributes.value('c');
  if (binding !== start.first.binding.toString('base64')) {
    if (bound) {
      throw new PgError(sqlstate.invalidAuthorization, 'SCRAM channel binding check failed', { severity: 'FATAL' });
    }
    const what = 'unexpected SCRAM channel-binding attribute in client-final-message';
    throw new PgError(sqlstate.protocolViolation, what, { severity: 'FATAL' });
  }
  const nonce = attributes.value('r');
  let proofAt: number;
  let attribute;
  do {
    proofAt = attributes.offset - 1;
    attribute = attributes.any();
  } while (attribute.name !== 'p');
  const proof = Buffer.from(attribute.value, 'base64');
  if (proof.length !== scramHashBytes || proof.toString('base64') !== attribute.value) {
    throw malformed('Malformed proof in client-final-message.');
  }
  if (!attributes.atEnd) throw malformed('Garbage found at the end of client-final-message.');
  if (!sameNonce(nonce, start.nonce)) {
    throw new PgError(sqlstate.protocolViolation, 'invalid SCRAM response', {
      severity: 'FATAL',
      detail: 'Nonce does not match.',
    });
  }
  const { storedKey, serverKey } = start.verifier;
  const authMessage = `${start.first.bare},${start.message},${message.slice(0, proofAt)}`;
  const clientKey = xor(proof, hmac(storedKey, latin1(authMessage)));
  if (!timingSafeEqual(storedKeyOf(clientKey), storedKey)) return undefined;
  const signature = hmac(serverKey, latin1(authMessage)).toString('base64');
  return { message: `v=${signature}`, keys: { clientKey, serverKey } };
}

function sameNonce(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(latin1(left), latin1(right));
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
