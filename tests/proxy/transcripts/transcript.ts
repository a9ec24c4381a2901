/** How a transcript is written down. */

import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
  encodeQuery,
  flushFrame,
  syncFrame,
} from '../../../wire/encode-frontend.js';
import type { Turn, Until } from '../conversation.js';

export interface Transcript {
  readonly name: string;
  readonly turns: readonly Turn[];
}

export const sync = syncFrame;
export const flush = flushFrame;

/** A turn that waits for so many ReadyForQuery. */
export function turn(...send: readonly Buffer[]): Turn {
  const ready = send.filter((frame) => frame[0] === 0x53 || frame[0] === 0x51).length;
  return { send, until: ready };
}

/** A turn that waits for something else. */
export function turnUntil(until: Until, ...send: readonly Buffer[]): Turn {
  return { send, until };
}

/** The letter and how many: `turnUntil(seen('G'), …)`. */
export function seen(types: string, count = 1): Until {
  return { types, count };
}

export function query(sql: string): Buffer {
  return encodeQuery(sql);
}

export function parse(sql: string, name = '', types: readonly number[] = []): Buffer {
  return encodeParse(name, sql, types);
}

export function bind(
  values: readonly (string | Buffer | null)[] = [],
  options: {
    readonly statement?: string;
    readonly portal?: string;
    readonly formats?: readonly number[];
    readonly results?: readonly number[];
  } = {},
): Buffer {
  return encodeBind({
    portal: options.portal ?? '',
    statement: options.statement ?? '',
    parameterFormats: options.formats ?? [],
    parameters: values.map((value) => (typeof value === 'string' ? Buffer.from(value) : value)),
    resultFormats: options.results ?? [],
  });
}

export function describePortal(name = ''): Buffer {
  return encodeDescribe('portal', name);
}

export function describeStatement(name = ''): Buffer {
  return encodeDescribe('statement', name);
}

export function execute(rows = 0, portal = ''): Buffer {
  return encodeExecute(portal, rows);
}

export function closePortal(name = ''): Buffer {
  return encodeClose('portal', name);
}

export function closeStatement(name = ''): Buffer {
  return encodeClose('statement', name);
}

/** A tagged message with any body. */
export function message(type: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  const frame = Buffer.alloc(5 + bytes.length);
  frame.write(type, 'latin1');
  frame.writeInt32BE(4 + bytes.length, 1);
  bytes.copy(frame, 5);
  return frame;
}

export function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
