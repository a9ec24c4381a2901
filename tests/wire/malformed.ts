/**
 * Malformed messages of a client, and what PostgreSQL says to each: the decoders are held to this list, and the list
 * to a real server.
 */

import * as frontend from '../../wire/frontend.js';
import { buildFrame } from './support.js';

interface MalformedMessage {
  readonly title: string;
  readonly frame: Buffer;
  readonly read: (frame: Buffer) => unknown;
  readonly sqlstate: string;
  readonly message: string;
}

/** A number in so many bytes, for bodies built by hand. */
export function int(bytes: 2 | 4, value: number): string {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer.toString('latin1');
}

export function body(...parts: string[]): Buffer {
  return Buffer.from(parts.join(''), 'latin1');
}

const string = 'invalid string in message';
const short = 'insufficient data left in message';
const long = 'invalid message format';

function list(
  type: string,
  read: (frame: Buffer) => unknown,
  cases: readonly (readonly [title: string, body: Buffer, message: string, sqlstate?: string])[],
): MalformedMessage[] {
  return cases.map(([title, bytes, message, sqlstate = '08P01']) => ({
    title,
    frame: buildFrame(type, bytes),
    read,
    sqlstate,
    message,
  }));
}

/** What a server that waits for a query refuses; a Bind is for an unnamed statement of one text parameter. */
export const malformedMessages: readonly MalformedMessage[] = [
  ...list('Q', frontend.readQuery, [
    ['Query without NUL', body('select 1'), string],
    ['Query of nothing', body(), string],
    ['Query with bytes after the NUL', body('a\0b\0'), long],
  ]),
  ...list('P', frontend.readParse, [
    ['Parse without SQL', body('name\0'), string],
    ['Parse without count', body('name\0sql\0'), short],
    ['Parse with too few types', body('\0\0', int(2, 2), int(4, 1)), short],
    ['Parse with a negative count', body('\0\0', int(2, -1)), short],
    ['Parse with too much', body('\0\0', int(2, 0), 'x'), long],
    [
      'Parse with a name that is not UTF-8',
      body('a\xff\0\0', int(2, 0)),
      'invalid byte sequence for encoding "UTF8": 0xff',
      '22021',
    ],
    [
      'Parse with a name cut inside a character',
      body('a\xc3\xa9\xe9t\xe9\0\0', int(2, 0)),
      'invalid byte sequence for encoding "UTF8": 0xe9 0x74 0xe9',
      '22021',
    ],
    [
      'Parse with a name that ends inside a character',
      body('a\xe9\0\0', int(2, 0)),
      'invalid byte sequence for encoding "UTF8": 0xe9',
      '22021',
    ],
  ]),
  ...list('B', frontend.readBind, [
    ['Bind of nothing', body(), string],
    ['Bind without formats', body('\0\0'), short],
    [
      'Bind with more formats than parameters',
      body('\0\0', int(2, 2), int(2, 0), int(2, 0), int(2, 1)),
      'bind message has 2 parameter formats but 1 parameters',
    ],
    ['Bind with a length of -2', body('\0\0', int(2, 0), int(2, 1), int(4, -2), int(2, 0)), short],
    ['Bind with a value over its end', body('\0\0', int(2, 0), int(2, 1), int(4, 0x7fffffff), 'abc'), short],
    ['Bind without result formats', body('\0\0', int(2, 0), int(2, 1), int(4, 1), 'a'), short],
    ['Bind with too much', body('\0\0', int(2, 0), int(2, 1), int(4, 1), 'a', int(2, 0), 'x'), long],
    [
      'Bind with an unknown format',
      body('\0\0', int(2, 1), int(2, 7), int(2, 1), int(4, 1), 'a', int(2, 0)),
      'unsupported format code: 7',
      '22023',
    ],
  ]),
  ...list('D', frontend.readDescribe, [
    ['Describe of nothing', body(), 'no data left in message'],
    ['Describe without a name', body('S'), string],
    ['Describe of X', body('X\0'), 'invalid DESCRIBE message subtype 88'],
    ['Describe with too much', body('S\0x'), long],
  ]),
  ...list('C', frontend.readClose, [
    ['Close of X', body('X\0'), 'invalid CLOSE message subtype 88'],
    ['Close without a name', body('P'), string],
  ]),
  ...list('E', frontend.readExecute, [
    ['Execute without a limit', body('\0'), short],
    ['Execute with too much', body('\0', int(4, 0), 'x'), long],
  ]),
  ...list('S', frontend.readEmpty, [['Sync with a body', body('x'), long]]),
];
