/** One connection of somebody who means no good: what it sends, in which pieces, how it leaves, and what it heard. */

import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { sqlstate } from '../../base/errors.js';
import { encodeStartup, sslRequestPacket } from '../../wire/encode-frontend.js';
import { FrameReader } from '../../wire/frame.js';
import type { RandomSource } from '../proxy/random-source.js';
import { asGuest, asStranger, startupOf, trusted } from './conversations.js';
import { findBadAnswer } from './judge.js';
import { mutate } from './mutate.js';

/** What pgring must have done by then with a connection whose other side has said that it will send no more. */
const CLOSE_MS = 15_000;
const LOG_IN_MS = 15_000;
/** Answers are looked at up to so many bytes. */
const HEARD_BYTES = 4 * 1024 * 1024;

export type AttackKind = 'stranger' | 'guest' | 'guest over TLS' | 'flood';

interface Outcome {
  readonly kind: AttackKind;
  /** What must not happen; undefined when all is well. */
  readonly breach: string | undefined;
  /** SQLSTATEs that it heard. */
  readonly errors: readonly string[];
}

function chooseKind(random: RandomSource): AttackKind {
  const dice = random.below(100);
  if (dice < 45) return 'stranger';
  if (dice < 88) return 'guest';
  return dice < 96 ? 'guest over TLS' : 'flood';
}

/** Everything depends on the chance that is handed in. */
export async function attack(port: number, random: RandomSource): Promise<Outcome> {
  const kind = chooseKind(random);
  if (kind === 'flood') return { kind, breach: await flood(port, random), errors: [] };
  const isGuest = kind !== 'stranger';
  const frames = mutate(isGuest ? asGuest(random) : asStranger(random), random);
  const heard: Buffer[] = [];
  let heardBytes = 0;
  let ended = false;
  let socket: Socket;
  try {
    socket = await open(port, kind === 'guest over TLS');
  } catch (error) {
    return { kind, breach: `cannot connect: ${String(error)}`, errors: [] };
  }
  socket.on('data', (chunk: Buffer) => {
    heardBytes += chunk.length;
    if (heardBytes <= HEARD_BYTES) heard.push(chunk);
  });
  socket.on('end', () => {
    ended = true;
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  if (isGuest) {
    socket.write(startupOf(trusted));
    if (random.below(4) > 0 && !(await eventuallyTrue(() => hasReady(heard), LOG_IN_MS, closed))) {
      socket.destroy();
      const errors = errorsIn(heard);
      // A flood may have taken all places: then that is what is said.
      const breach = errors.includes(sqlstate.tooManyConnections)
        ? undefined
        : `a guest could not log in: ${errors.join()}`;
      return { kind, breach, errors };
    }
  }
  await send(socket, frames, random);
  const left = await leave(socket, random, closed);
  const whole = ended && heardBytes <= HEARD_BYTES;
  const breach = left ?? findBadAnswer(Buffer.concat(heard), { whole, mayBeBare: !isGuest });
  const what = `${breach ?? ''} after ${JSON.stringify(frames.map((frame) => frame.subarray(0, 500).toString('latin1')))}`;
  return { kind, breach: breach === undefined ? undefined : what, errors: errorsIn(heard) };
}

async function open(port: number, isEncrypted: boolean): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  if (!isEncrypted) return socket;
  socket.write(sslRequestPacket);
  await new Promise<void>((resolve, reject) => {
    socket.once('data', (answer: Buffer) => {
      if (answer.toString('latin1') === 'S') resolve();
      else reject(new Error(`encryption is not offered: ${answer.toString('latin1')}`));
    });
    socket.once('close', () => {
      reject(new Error('closed'));
    });
  });
  const encrypted = connectTls({ socket, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    encrypted.once('secureConnect', resolve);
    encrypted.once('error', reject);
  });
  return encrypted;
}

/** Whole, message by message, byte by byte, or cut at any places. */
async function send(socket: Socket, frames: readonly Buffer[], random: RandomSource): Promise<void> {
  const bytes = Buffer.concat(frames);
  const isPaused = random.below(12) === 0;
  if (isPaused) socket.pause();
  switch (random.below(5)) {
    case 0:
      for (const frame of frames) {
        socket.write(frame);
        await nextTurn();
      }
      break;
    case 1:
      for (let at = 0; at < bytes.length && at < 400; at += 1) {
        socket.write(bytes.subarray(at, at + 1));
        await nextTurn();
      }
      socket.write(bytes.subarray(400));
      break;
    case 2:
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random.below(Math.max(2, bytes.length >> 2));
        socket.write(bytes.subarray(at, end));
        at = end;
        await nextTurn();
      }
      break;
    default:
      socket.write(bytes);
  }
  if (isPaused) await sleep(random.below(50));
  socket.resume();
}

/** Half-closes, closes, or breaks the connection. What pgring then did wrong. */
async function leave(socket: Socket, random: RandomSource, closed: Promise<void>): Promise<string | undefined> {
  switch (random.below(6)) {
    case 0:
      if (socket instanceof TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
      return undefined;
    case 1:
      socket.destroy();
      return undefined;
    case 2:
      await sleep(random.below(20));
      break;
    default:
  }
  socket.end();
  const timely = await Promise.race([closed.then(() => true), sleep(CLOSE_MS, false, { ref: false })]);
  if (timely) return undefined;
  socket.destroy();
  return `the connection was not closed within ${CLOSE_MS} ms of its end`;
}

/** Many at once, of one kind; or one that sends a lot and reads nothing. */
async function flood(port: number, random: RandomSource): Promise<string | undefined> {
  const sockets: Socket[] = [];
  const openOne = (first: Buffer): Socket => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.write(first);
    sockets.push(socket);
    return socket;
  };
  switch (random.below(4)) {
    case 0:
      for (let count = 0; count < 100; count += 1) openOne(Buffer.alloc(random.below(4)));
      break;
    case 1:
      for (let count = 0; count < 60; count += 1) openOne(startupOf(random.pick(['app', 'nobody'])));
      break;
    case 2: {
      const socket = openOne(startupOf(trusted));
      socket.pause();
      const frames = asGuest(random);
      for (let count = 0; count < 200; count += 1) socket.write(Buffer.concat(frames));
      break;
    }
    default: {
      const socket = openOne(
        encodeStartup([
          ['user', 'app'],
          ...Array.from({ length: 50 }, (_unused, index) => [`s${index}`, 'x'] as const),
        ]),
      );
      socket.pause();
      for (let count = 0; count < 40; count += 1) socket.write(Buffer.alloc(64 * 1024, 0x70));
    }
  }
  await sleep(50 + random.below(200));
  for (const socket of sockets) {
    if (random.below(2) === 0) socket.destroy();
    else socket.end();
    socket.resume();
  }
  const closed = Promise.all(
    sockets.map(async (socket) => {
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
      return true;
    }),
  );
  const timely = await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })]);
  for (const socket of sockets) socket.destroy();
  return timely === undefined
    ? `a flood of ${sockets.length} connections did not end within ${CLOSE_MS} ms`
    : undefined;
}

function hasReady(heard: readonly Buffer[]): boolean {
  return heard.some((chunk) => chunk.includes(Buffer.from('Z\0\0\0\u0005', 'latin1')));
}

async function eventuallyTrue(look: () => boolean, timeoutMs: number, closed: Promise<void>): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  let gone = false;
  void closed.then(() => {
    gone = true;
  });
  while (!look()) {
    if (gone || Date.now() > end) return false;
    await sleep(2);
  }
  return true;
}

function errorsIn(heard: readonly Buffer[]): readonly string[] {
  const codes: string[] = [];
  const reader = new FrameReader(HEARD_BYTES);
  reader.push(Buffer.concat(heard));
  try {
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      const code = frame[0] === 0x45 ? /\0C([0-9A-Z]{5})\0/.exec(frame.toString('latin1'))?.[1] : undefined;
      if (code !== undefined) codes.push(code);
    }
  } catch {
    // The answer begins with the single byte that answers a request for encryption.
  }
  return codes;
}
