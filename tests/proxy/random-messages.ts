/** Random messages of a client: what no client would send, and what one could. */

import { copyDoneFrame, encodeCopyData, encodeCopyFail, encodeStartup } from '../../wire/encode-frontend.js';
import { frontendType } from '../../wire/frame.js';
import { requestCode } from '../../wire/startup.js';
import type { RandomSource } from './random-source.js';
import {
  bind,
  closePortal,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  flush,
  message,
  parse,
  query,
  sync,
} from './transcripts/transcript.js';

const types = Object.values(frontendType);
const lengths = [0, 1, 2, 3, 4, 5, 8, 255, 65_535, 0x7fff_ffff, -1, -0x8000_0000, 70_000];

/** Start-up packets that are wrong, cut off, or nonsense altogether. */
export function strangePacket(random: RandomSource, database: string): Buffer {
  const good = Buffer.from(
    encodeStartup([
      ['user', 'postgres'],
      ['database', database],
    ]),
  );
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(64));
    case 1:
      return good.subarray(0, random.below(good.length));
    case 2:
      good.writeInt32BE(random.pick(lengths));
      return good;
    case 3:
      good[random.below(good.length)] = random.below(256);
      return good;
    case 4:
      good.writeInt32BE(random.pick(Object.values(requestCode)), 4);
      return good;
    case 5: {
      const request = Buffer.alloc(8 + random.below(20));
      request.writeInt32BE(request.length);
      request.writeInt32BE(random.pick(Object.values(requestCode)), 4);
      return request;
    }
    case 6:
      return Buffer.concat([good, strangeFrame(random)]);
    default:
      return Buffer.from(random.pick(['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001', 'QUIT\n', '\0\0\0\0', '']));
  }
}

/** A tagged message with something wrong. */
export function strangeFrame(random: RandomSource): Buffer {
  const body = random.bytes(random.below(random.pick([1, 8, 40, 400])));
  const frame = message('Q', body);
  frame[0] = random.below(4) === 0 ? random.below(256) : random.pick(types);
  switch (random.below(6)) {
    case 0:
      frame.writeInt32BE(random.pick(lengths), 1);
      return frame;
    case 1:
      return frame.subarray(0, random.below(frame.length));
    default:
      return frame;
  }
}

const statements = [
  'SELECT id, v FROM t WHERE id = $1',
  'SELECT id, v FROM t ORDER BY id',
  'SELECT id FROM t WHERE id > $1 ORDER BY id',
  'SELECT id FROM r ORDER BY id',
  'SELECT count(*) FROM t',
  'SELECT 1',
  'SELECT 1/(id - 3) FROM t WHERE id = 3',
  'SELECT id, 1/(id - 1) FROM t ORDER BY id',
  'SELECT nothing FROM t',
  'SELEC',
  '',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT s',
  'ROLLBACK TO s',
  "SET application_name = 'x'",
  "UPDATE t SET v = v || 'x' WHERE id = 3",
  "UPDATE t SET v = v || 'x'",
  "INSERT INTO t VALUES (3, 'twice')",
  'DEALLOCATE ALL',
];
const copies = ['COPY t FROM STDIN', 'COPY r FROM STDIN', 'COPY (SELECT id FROM r ORDER BY id) TO STDOUT'];

/** A well-formed message, at a place where it may not belong. */
export function validMessage(random: RandomSource, withCopy: boolean): Buffer {
  const statement = random.pick(['', '', 'a', 'b']);
  const portal = random.pick(['', '', 'p', 'q']);
  const texts = withCopy ? [...statements, ...copies] : statements;
  switch (random.below(withCopy ? 17 : 13)) {
    case 0:
    case 1:
      return parse(random.pick(texts), statement);
    case 2:
    case 3:
    case 4:
      return bind(random.below(2) === 0 ? [] : ['3'], { statement, portal });
    case 5:
    case 6:
    case 7:
      return execute(random.pick([0, 0, 1, 2, 100]), portal);
    case 8:
      return random.below(2) === 0 ? describePortal(portal) : describeStatement(statement);
    case 9:
      return random.below(2) === 0 ? closePortal(portal) : closeStatement(statement);
    case 10:
    case 11:
      return sync;
    case 12:
      return random.below(3) === 0 ? flush : query(random.pick(texts).replace('$1', '3'));
    case 13:
      return encodeCopyData(Buffer.from(random.pick(['1\tx\n', 'x', '501\ty\n', ''])));
    case 14:
      return copyDoneFrame;
    case 15:
      return encodeCopyFail('no');
    default:
      return message('F', random.bytes(random.below(12)));
  }
}
