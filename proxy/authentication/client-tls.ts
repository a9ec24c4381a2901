/** Encryption of clients' connections: the handshake, what the certificates on both sides say, and files that change. */

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Logger } from '../../base/log.js';
import { WatchedFiles } from '../../base/watched-files.js';
import type { ClientTlsConfig } from '../../catalog/config-access.js';
import { certificateHash } from '../../wire/certificate-hash.js';
import type { ClientCertificate } from './authenticate.js';

/** What libpq must name when it begins with a handshake (pqcomm.h, PG_ALPN_PROTOCOL). */
const PROTOCOL = 'postgresql';

export interface EncryptedClient {
  readonly socket: TLSSocket;
  /** Of the certificate that the client saw; undefined where nothing can be bound to it. */
  readonly certificateHash: Buffer | undefined;
  readonly certificate: ClientCertificate | undefined;
  /** Whether both sides agreed that this is PostgreSQL's protocol. */
  readonly namedProtocol: boolean;
}

type Handshake = (outcome: TLSSocket) => void;

export class ClientTls {
  readonly config: ClientTlsConfig;
  /** It listens nowhere: sockets are given to it one by one. */
  readonly #server: Server;
  readonly #options: WatchedFiles<TlsOptions>;
  #used: TlsOptions;
  /** By the client's address and port, which no two connections share. */
  readonly #handshakes = new Map<string, Handshake>();

  /** Errors: files that cannot be read or used. */
  constructor(config: ClientTlsConfig, handshakeTimeoutMs: number, log: Logger) {
    this.config = config;
    const { certificate, key, clientCa, minimumVersion } = config;
    this.#options = new WatchedFiles(
      [certificate, key, ...(clientCa === undefined ? [] : [clientCa])],
      ([cert, privateKey, ca]) => {
        const options = {
          cert,
          key: privateKey,
          minVersion: minimumVersion,
          ...(ca === undefined ? {} : { ca }),
        };
        // A key that does not fit is found here, before it replaces one that does.
        createServer(options).close();
        return options;
      },
      (error) => {
        log.error({ error }, 'the files of tls cannot be used; the last good ones stay');
      },
    );
    this.#used = this.#options.current;
    this.#server = createServer({
      ...this.#used,
      ALPNProtocols: [PROTOCOL],
      requestCert: clientCa !== undefined,
      // Whose certificate is not to be trusted hears of it in the protocol's own words.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.#server.on('secureConnection', (socket) => {
      this.#handshakes.get(keyOf(socket))?.(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      log.debug({ error: error.message }, 'a TLS handshake failed');
      socket.destroy();
    });
  }

  /** Takes over a socket whose next bytes are a handshake. Undefined: it failed, and the socket is closed. */
  async accept(socket: Socket): Promise<EncryptedClient | undefined> {
    this.#refresh();
    const key = keyOf(socket);
    const encrypted = await new Promise<TLSSocket | undefined>((resolve) => {
      this.#handshakes.set(key, resolve);
      socket.once('close', () => {
        resolve(undefined);
      });
      this.#server.emit('connection', socket);
    });
    this.#handshakes.delete(key);
    if (encrypted === undefined) return undefined;
    const own = encrypted.getX509Certificate();
    return {
      socket: encrypted,
      certificateHash: own === undefined ? undefined : certificateHash(own.raw),
      certificate: clientCertificate(encrypted),
      namedProtocol: encrypted.alpnProtocol === PROTOCOL,
    };
  }

  /** Connections that are encrypted already keep what they have. */
  #refresh(): void {
    const options = this.#options.current;
    if (options === this.#used) return;
    this.#used = options;
    this.#server.setSecureContext(options);
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}

function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  if (!socket.authorized) return undefined;
  const subject: unknown = socket.getPeerCertificate().subject;
  const name = typeof subject === 'object' && subject !== null && 'CN' in subject ? subject.CN : '';
  // Of several common names none is the name.
  return { commonName: typeof name === 'string' ? name : '' };
}
