/** The session of a client that may come in, and what it is told when it is ready. */

import type { Limits } from '../catalog/config-limits.js';
import type { BackendIdentity } from '../router/backend/connection.js';
import { encodeBackendKeyData, encodeParameterStatus, encodeReadyForQuery } from '../wire/encode-backend.js';
import type { FrameReader } from '../wire/frame.js';
import type { CancelKey } from './cancel-keys.js';
import type { ClientSocket } from './client-socket.js';
import type { ProxyParts } from './proxy-parts.js';
import { SessionScope } from './session-scope.js';
import { Session } from './session.js';

interface SessionRequest {
  readonly parts: ProxyParts;
  readonly identity: BackendIdentity;
  readonly output: ClientSocket;
  readonly reader: FrameReader;
  readonly limits: Limits;
  /** Whether the client has left meanwhile. */
  readonly isGone: () => boolean;
  readonly onClosed: () => void;
}

/** Undefined when the client has left. Errors: those of connecting to the servers in its role. */
export async function openSession(request: SessionRequest): Promise<Session | undefined> {
  const { parts, identity, output, reader, limits, isGone, onClosed } = request;
  const scope = new SessionScope(parts, identity, output);
  try {
    await scope.open();
  } catch (error) {
    await scope.backends.releaseAll();
    throw error;
  }
  if (isGone()) {
    await scope.backends.releaseAll();
    return undefined;
  }
  return new Session({
    scope,
    socket: output,
    reader,
    clientBufferBytes: limits.clientBufferBytes,
    pipelineBytes: limits.pipelineBytes,
    onClosed,
  });
}

/** What comes after AuthenticationOk: the settings, the key for cancel requests, and that the client may begin. */
export function encodeWelcome({ scope }: Session, key: CancelKey): Buffer {
  return Buffer.concat([
    ...[...scope.parameters].map(([name, value]) => encodeParameterStatus(name, value)),
    encodeBackendKeyData(key.processId, key.secretKey),
    encodeReadyForQuery('I'),
  ]);
}
