/** What a client may send, before it has logged in and after: the right messages, from which wrong ones are made. */

import { requestCode } from '../../wire/startup.js';
import {
  copyDoneFrame,
  encodeCancel,
  encodeCopyData,
  encodeCopyFail,
  encodePassword,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartup,
  sslRequestPacket,
  terminateFrame,
} from '../../wire/encode-frontend.js';
import { validMessage } from '../proxy/random-messages.js';
import type { RandomSource } from '../proxy/random-source.js';
import {
  bind,
  describePortal,
  describeStatement,
  int4,
  message,
  parse,
  query,
  sync,
} from '../proxy/transcripts/transcript.js';

/** A role that may come in without a password, and what each of the others is asked for. */
export const trusted = 'guest';
const askedRoles = ['app', 'old', 'clear', 'nobody', 'certified', 'refused'] as const;

export const database = 'stranger';

function request(code: number): Buffer {
  return Buffer.concat([int4(8), int4(code)]);
}

const gssRequest = request(requestCode.gssenc);

export function startupOf(user: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return encodeStartup([['user', user], ['database', database], ...more]);
}

const settings: readonly (readonly [string, string])[] = [
  ['application_name', 'x'.repeat(200)],
  ['client_encoding', 'UTF8'],
  ['client_encoding', 'LATIN1'],
  ['options', '-c statement_timeout=5000 -c search_path=a\\ b,public'],
  ['options', '-c nothing=1'],
  ['options', "-c x='\\'"],
  ['DateStyle', 'German'],
  ['TimeZone', 'Mars/Olympus'],
  ['replication', 'database'],
  ['_pq_.anything', '1'],
  ['work_mem', '-1'],
  ['', 'no name'],
];

function startup(random: RandomSource, user: string): Buffer {
  const packet = Buffer.from(
    startupOf(
      user,
      Array.from({ length: random.pick([0, 0, 1, 2, 40]) }, () => random.pick(settings)),
    ),
  );
  if (random.below(8) === 0) packet.writeUInt16BE(random.pick([0, 1, 2, 4, 1234, 65_535]), 4);
  if (random.below(8) === 0) packet.writeUInt16BE(random.pick([1, 2, 3, 9, 9_999]), 6);
  return packet;
}

const handshake = Buffer.from(
  `160301007a010000760303${'ab'.repeat(32)}0000041301c02b01000049${'00'.repeat(73)}`,
  'hex',
);

/** The beginning of a connection of somebody who knows no password. */
export function asStranger(random: RandomSource): readonly Buffer[] {
  const frames: Buffer[] = [];
  while (random.below(4) === 0) frames.push(random.pick([sslRequestPacket, gssRequest]));
  switch (random.below(10)) {
    case 0:
      return [...frames, encodeCancel(random.below(0x7fff_ffff), random.bytes(random.pick([0, 4, 32, 256, 300])))];
    case 1:
      return [...frames, handshake, random.bytes(random.below(200))];
    case 2:
      return [
        ...frames,
        Buffer.from(random.pick(['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'SSH-2.0-x\r\n', '\0\0\0\0\0'])),
      ];
    default:
  }
  frames.push(startup(random, random.pick(askedRoles)));
  const nonce = random.bytes(18).toString('base64');
  for (let count = random.below(4); count > 0; count -= 1) {
    frames.push(
      random.pick([
        encodePassword(random.pick(['secret', '', 'md5' + 'a'.repeat(32), 'x'.repeat(70_000)])),
        encodeSaslInitialResponse(
          random.pick(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'X']),
          random.pick([`n,,n=,r=${nonce}`, `y,,n=,r=${nonce}`, `p=tls-server-end-point,,n=,r=${nonce}`, 'n,a=b,n=,r=']),
        ),
        encodeSaslResponse(random.pick([`c=biws,r=${nonce},p=${'A'.repeat(43)}=`, 'c=biws', '', ',,,,', 'e=x'])),
        validMessage(random, true),
      ]),
    );
  }
  return frames;
}

const statements = [
  'SELECT id, v FROM t WHERE id = 3',
  'SELECT id, v FROM t ORDER BY id',
  'SELECT count(*), max(v) FROM t GROUP BY id % 3 ORDER BY 1',
  "INSERT INTO t VALUES (1000003, 'x') ON CONFLICT (id) DO UPDATE SET v = excluded.v",
  "UPDATE t SET v = 'y' WHERE id < 4",
  'DELETE FROM t WHERE id = 1000003',
  'DECLARE c CURSOR FOR SELECT * FROM t ORDER BY id',
  'FETCH 3 FROM c',
  'PREPARE p AS SELECT $1::int',
  'EXECUTE p(1)',
  'COPY t FROM STDIN',
  'COPY t FROM STDIN (FORMAT binary)',
  'COPY t TO STDOUT (FORMAT csv)',
  'BEGIN; SELECT 1; ROLLBACK',
  "SET application_name = 'a'; SELECT current_setting('application_name')",
  'EXPLAIN SELECT * FROM t',
  "SELECT $$a$$, E'\\\\x', U&'\\0041', \"v\" FROM t",
  'LISTEN x; NOTIFY x',
  '/* a /* nested */ comment */ SELECT 1 -- end',
  ';;;',
];

/** A statement with a piece missing, doubled or replaced. */
function brokenSql(random: RandomSource): string {
  const text = random.pick(statements);
  const from = random.below(text.length + 1);
  const to = Math.min(text.length, from + random.below(12));
  const middle = random.pick([
    '',
    '',
    text.slice(from, to).repeat(2),
    "'",
    '"',
    '$',
    '(',
    '\\',
    '\ufffd',
    '\u{1f600}',
    '$9',
    '--',
  ]);
  return text.slice(0, from) + middle + text.slice(to);
}

/** What somebody who may come in sends then. */
export function asGuest(random: RandomSource): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let count = 1 + random.below(random.pick([3, 8, 20])); count > 0; count -= 1) {
    switch (random.below(9)) {
      case 0:
        frames.push(query(brokenSql(random)));
        break;
      case 1:
        frames.push(query(random.pick(statements)));
        break;
      case 2: {
        const values = Array.from({ length: random.pick([0, 1, 2, 3]) }, () =>
          random.pick([null, '3', 'x', '', Buffer.alloc(4), random.bytes(8)]),
        );
        const name = random.pick(['', 'a']);
        const formats = random.pick([[], [0], [1], [0, 1], [1, 1, 1]]);
        frames.push(
          parse(random.pick(['SELECT $1::int', 'SELECT id FROM t WHERE id = $1 AND v <> $2', brokenSql(random)]), name),
          describeStatement(name),
          bind(values, { statement: name, formats, results: random.pick([[], [1], [0, 1]]) }),
          describePortal(),
          message('E', Buffer.concat([Buffer.alloc(1), int4(random.pick([0, 1, -1, 0x7fff_ffff]))])),
          sync,
        );
        break;
      }
      case 3:
        frames.push(
          query('COPY t FROM STDIN'),
          encodeCopyData(random.pick([Buffer.from('1000007\tz\n'), random.bytes(40), Buffer.alloc(0)])),
          random.pick([copyDoneFrame, encodeCopyFail('no'), sync, query('SELECT 1'), terminateFrame]),
        );
        break;
      case 4:
        frames.push(message('F', Buffer.concat([int4(random.below(9_999)), random.bytes(random.below(20))])));
        break;
      case 5:
        if (random.below(6) === 0) frames.push(random.pick([terminateFrame, sslRequestPacket, startupOf(trusted)]));
        break;
      default:
        frames.push(validMessage(random, true));
    }
  }
  return frames;
}
