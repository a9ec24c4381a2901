/**
 * The first packets of a connection: untagged, a length and a code. They come from strangers, so everything here is
 * bounded and refused in the words of PostgreSQL (src/backend/tcop/backend_startup.c).
 */

import { PgError, sqlstate } from '../base/errors.js';
import { BodyReader } from './body-reader.js';

/** What a client says before tagged messages begin. */
export type StartupPacket =
  | {
      readonly kind: 'startup';
      readonly protocol: ProtocolVersion;
      readonly parameters: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secretKey: Buffer };

export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
}

interface Negotiation {
  /** The minor version to speak from here on. */
  readonly minor: number;
  /** The `_pq_.` options that the client asked for and that do not exist here. */
  readonly unrecognized: readonly string[];
  /** Whether the client must be told, by NegotiateProtocolVersion. */
  readonly mustTell: boolean;
}

interface StartupIdentity {
  readonly user: string;
  readonly database: string;
}

export const protocolMajor = 3;
const newestProtocolMinor = 2;

/** The code of a request that is no start-up stands where the version would (pqcomm.h). */
export const requestCode = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const;

/** A start-up packet without its length word may hold no more (PostgreSQL's MAX_STARTUP_PACKET_LENGTH). */
export const maximumStartupBytes = 10_000;

/** Protocol 3.2 lets a cancellation key have up to this length; before, it is always 4. */
export const maximumSecretKeyBytes = 256;

const lengthWordBytes = 4;
const codeBytes = 4;

function fatal(code: string, message: string): PgError {
  return new PgError(code, message, { severity: 'FATAL' });
}

/**
 * Whether PostgreSQL writes such an error into its log only (COMMERROR in ProcessStartupPacket): who sends these bytes does
 * not read what a client reads.
 */
export function isForLogOnly(error: PgError): boolean {
  return error.message.startsWith('invalid length of ');
}

/** Gathers whole start-up packets from chunks. */
export class StartupReader {
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  /** What must have arrived before looking again is of any use. */
  #wantedBytes = lengthWordBytes;

  /** Adds bytes from the stream; the reader owns the chunk from here on. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /** The next whole packet with its length word, or undefined until more bytes come; throws 08P01 for a bad length. */
  next(): Buffer | undefined {
    if (this.#bufferedBytes < this.#wantedBytes) return undefined;
    const bytes = this.takeRest();
    this.push(bytes);
    const packetBytes = bytes.readUInt32BE(0);
    if (packetBytes < lengthWordBytes + codeBytes || packetBytes > lengthWordBytes + maximumStartupBytes) {
      throw fatal(sqlstate.protocolViolation, 'invalid length of startup packet');
    }
    this.#wantedBytes = packetBytes;
    if (bytes.length < packetBytes) return undefined;
    this.takeRest();
    this.push(bytes.subarray(packetBytes));
    this.#wantedBytes = lengthWordBytes;
    return bytes.subarray(0, packetBytes);
  }

  /** Everything pushed and not returned as a packet: the beginning of the tagged messages. */
  takeRest(): Buffer {
    const [first] = this.#chunks;
    const bytes = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bufferedBytes = 0;
    return bytes;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }
}

/** What a client may still ask for before it starts up: each kind of encryption once. */
interface Askable {
  readonly ssl: boolean;
  readonly gss: boolean;
}

/**
 * After a request for encryption nothing may have been sent before the answer: it could have been put there by somebody
 * else, and would be taken for encrypted (CVE-2021-23214). Errors: 08P01.
 */
export function checkNothingFollows(reader: StartupReader, request: 'ssl' | 'gssenc'): void {
  if (reader.bufferedBytes === 0) return;
  const name = request === 'ssl' ? 'SSL' : 'GSSAPI encryption';
  throw new PgError(sqlstate.protocolViolation, `received unencrypted data after ${name} request`, {
    severity: 'FATAL',
    detail: 'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  });
}

/** Reads one whole packet, its length word included. A request that came before is taken for a version, and refused. */
export function readStartupPacket(packet: Buffer, askable: Askable = { ssl: true, gss: true }): StartupPacket {
  if (packet.length < lengthWordBytes + codeBytes || packet.readUInt32BE(0) !== packet.length) {
    throw fatal(sqlstate.protocolViolation, 'invalid length of startup packet');
  }
  const code = packet.readUInt32BE(lengthWordBytes);
  switch (code) {
    case requestCode.ssl:
      if (askable.ssl) return { kind: 'ssl' };
      break;
    case requestCode.gssenc:
      if (askable.gss) return { kind: 'gssenc' };
      break;
    case requestCode.cancel:
      return readCancel(packet);
    default:
  }
  const protocol = { major: code >>> 16, minor: code & 0xffff };
  if (protocol.major !== protocolMajor) {
    throw fatal(
      sqlstate.featureNotSupported,
      `unsupported frontend protocol ${protocol.major}.${protocol.minor}: ` +
        `server supports ${protocolMajor}.0 to ${protocolMajor}.${newestProtocolMinor}`,
    );
  }
  return { kind: 'startup', protocol, parameters: readParameters(packet) };
}

function readCancel(packet: Buffer): StartupPacket {
  const headBytes = lengthWordBytes + codeBytes + 4;
  if (packet.length < headBytes) throw fatal(sqlstate.protocolViolation, 'invalid length of cancel request packet');
  const secretKey = packet.subarray(headBytes);
  if (secretKey.length === 0 || secretKey.length > maximumSecretKeyBytes) {
    throw fatal(sqlstate.protocolViolation, 'invalid length of cancel key in cancel request packet');
  }
  return { kind: 'cancel', processId: packet.readInt32BE(lengthWordBytes + codeBytes), secretKey };
}

/** Pairs of strings, and one NUL as the packet's last byte. Of a name that comes twice, the later value counts. */
function readParameters(packet: Buffer): ReadonlyMap<string, string> {
  const badLayout = 'invalid startup packet layout: expected terminator as last byte';
  const parameters = new Map<string, string>();
  if (packet.at(-1) !== 0 || packet.length === lengthWordBytes + codeBytes) {
    throw fatal(sqlstate.protocolViolation, badLayout);
  }
  const reader = new BodyReader(packet, lengthWordBytes + codeBytes);
  for (;;) {
    const name = reader.readName();
    if (name === '') break;
    if (reader.remainingBytes === 0) throw fatal(sqlstate.protocolViolation, badLayout);
    parameters.set(name, reader.readName());
    if (reader.remainingBytes === 0) throw fatal(sqlstate.protocolViolation, badLayout);
  }
  if (reader.remainingBytes > 0) throw fatal(sqlstate.protocolViolation, badLayout);
  return parameters;
}

/**
 * What both sides will speak: the older of the two minor versions, and no option, for none is known here
 * (PostgreSQL manual, "Start-up": NegotiateProtocolVersion).
 */
export function negotiate(protocol: ProtocolVersion, parameters: ReadonlyMap<string, string>): Negotiation {
  const unrecognized = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  const minor = Math.min(protocol.minor, newestProtocolMinor);
  return { minor, unrecognized, mustTell: minor < protocol.minor || unrecognized.length > 0 };
}

/** Whom and which database a start-up names; the database is the user's by default. */
export function readIdentity(parameters: ReadonlyMap<string, string>): StartupIdentity {
  const user = parameters.get('user') ?? '';
  if (user === '') throw fatal(sqlstate.invalidAuthorization, 'no PostgreSQL user name specified in startup packet');
  const database = parameters.get('database') ?? '';
  return { user, database: database === '' ? user : database };
}
