/** Whether what pgring has said is PostgreSQL's protocol, whatever it was said to. */

import {
  readAuthentication,
  readBackendKeyData,
  readCommandComplete,
  readCopyResponse,
  readDataRow,
  readErrorResponse,
  readNegotiateProtocolVersion,
  readNoticeResponse,
  readParameterDescription,
  readParameterStatus,
  readRowDescription,
} from '../../wire/backend.js';
import { backendType, FrameReader } from '../../wire/frame.js';

const MAXIMUM_BYTES = 64 * 1024 * 1024;

const readers: Readonly<Record<number, (frame: Buffer) => unknown>> = {
  [backendType.authentication]: readAuthentication,
  [backendType.backendKeyData]: readBackendKeyData,
  [backendType.parameterStatus]: readParameterStatus,
  [backendType.rowDescription]: readRowDescription,
  [backendType.dataRow]: readDataRow,
  [backendType.commandComplete]: readCommandComplete,
  [backendType.parameterDescription]: readParameterDescription,
  [backendType.noticeResponse]: readNoticeResponse,
  [backendType.negotiateProtocolVersion]: readNegotiateProtocolVersion,
  [backendType.copyInResponse]: readCopyResponse,
  [backendType.copyOutResponse]: readCopyResponse,
};

const known: ReadonlySet<number> = new Set(Object.values(backendType));

/** What is wrong with an answer; undefined when nothing is. `mayBeBare`: it can begin with answers to requests for encryption. */
export function findBadAnswer(
  answer: Buffer,
  { whole, mayBeBare }: { readonly whole: boolean; readonly mayBeBare: boolean },
): string | undefined {
  let bytes = answer;
  if (mayBeBare) {
    while (bytes[0] === 0x4e) bytes = bytes.subarray(1);
    // What follows is a handshake.
    if (bytes[0] === 0x53) return undefined;
    // An alert: the handshake failed.
    if (bytes[0] === 0x15) return undefined;
  }
  const reader = new FrameReader(MAXIMUM_BYTES);
  reader.push(bytes);
  try {
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      const type = frame[0] ?? 0;
      if (!known.has(type)) return `an answer of type ${type}`;
      if (type === backendType.errorResponse) {
        const error = readErrorResponse(frame);
        if (error.sqlstate === 'XX000') return `an internal error: ${error.message}`;
      } else readers[type]?.(frame);
    }
  } catch (error) {
    return `an answer that is no message: ${String(error)} in ${bytes.subarray(0, 200).toString('latin1')}`;
  }
  return whole && reader.bufferedBytes > 0 ? 'an answer that stops in the middle of a message' : undefined;
}
