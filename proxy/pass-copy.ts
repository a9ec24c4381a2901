/** COPY FROM STDIN that one server takes: the client's copy messages go there as they come. */

import type { FrameReader } from '../wire/frame.js';
import { frontendType } from '../wire/frame.js';
import type { BackendConnection } from '../router/backend/connection.js';

/**
 * Passes on what has come. `more`: more is to come; `blocked`: so it is, but the server is slow; `over`: no more belongs to
 * the COPY. In the extended protocol the server has ignored the first Sync and waits for another.
 */
export function passCopyMessages(
  reader: FrameReader,
  connection: BackendConnection,
  extended: boolean,
): 'more' | 'blocked' | 'over' {
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    switch (frame[0]) {
      case frontendType.copyDone:
      case frontendType.copyFail:
        connection.write(frame, 0);
        if (!extended) return 'over';
        break;
      case frontendType.sync:
        if (!extended) break;
        connection.write(frame, 0);
        return 'over';
      case frontendType.copyData:
        if (!connection.write(frame, 0)) return 'blocked';
        break;
      case frontendType.flush:
        break;
      default:
        connection.write(frame, 0);
        return 'more';
    }
  }
  return 'more';
}
