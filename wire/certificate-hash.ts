/**
 * The hash of a server's certificate that binds a SCRAM exchange to the encrypted channel (RFC 5929, section 4): by the hash
 * function of the certificate's own signature, SHA-256 in the place of MD5 and SHA-1.
 */

import { createHash } from 'node:crypto';

/** Object identifiers of signature algorithms (RFC 8017, RFC 5758), as the bytes of their encoding in hexadecimal. */
const hashOfSignature: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

const rsaPss = '2a864886f70d01010a';

/** Object identifiers of hash functions, for RSA-PSS, which names its own; SHA-1 is its default. */
const hashes: Readonly<Record<string, string>> = {
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** The bytes after the element. */
  readonly rest: Buffer;
}

/** The first element of DER-encoded bytes. */
function readElement(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || bytes.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes);
  const start = 2 + lengthBytes;
  if (bytes.length < start + length) return undefined;
  return { tag, content: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}

function inside(element: Element | undefined): Element | undefined {
  return element === undefined ? undefined : readElement(element.content);
}

function after(element: Element | undefined): Element | undefined {
  return element === undefined ? undefined : readElement(element.rest);
}

/** Undefined for signatures without a hash function of their own, such as Ed25519: then nothing can be bound. */
export function certificateHash(certificate: Buffer): Buffer | undefined {
  const algorithm = after(inside(readElement(certificate)));
  const identifier = inside(algorithm);
  const name = identifier?.content.toString('hex') ?? '';
  const hash = name === rsaPss ? (pssHash(after(identifier)) ?? 'sha256') : hashOfSignature[name];
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** RSASSA-PSS-params: the hash stands in the first field, which is tagged [0]. */
function pssHash(parameters: Element | undefined): string | undefined {
  const field = inside(parameters);
  if (field?.tag !== 0xa0) return undefined;
  return hashes[inside(inside(field))?.content.toString('hex') ?? ''];
}
