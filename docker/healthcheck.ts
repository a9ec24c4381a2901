/** Exits with 0 when a PostgreSQL server or proxy answers on the port: by one byte to an SSLRequest, as clients begin. */

import { connect } from 'node:net';

const port = Number(process.argv[2] ?? 6432);
const timeoutMs = 2000;
/** Length 8, and the request's code 80877103 (protocol, "SSLRequest"). */
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

const socket = connect({ host: '127.0.0.1', port });
socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
socket.once('connect', () => socket.write(sslRequest));
socket.once('error', (error) => fail(error.message));
socket.once('end', () => fail('the connection was closed without an answer'));
socket.once('data', (answer) => {
  if (answer.length === 1 && 'NS'.includes(answer.toString('latin1'))) process.exit(0);
  fail('something that is not PostgreSQL answers');
});

function fail(reason: string): void {
  process.stderr.write(`port ${port}: ${reason}\n`);
  process.exit(1);
}
