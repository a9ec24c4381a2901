/** The md5 challenge and its answer (PostgreSQL manual, "Password Authentication"; src/common/md5_common.c). */

import { createHash } from 'node:crypto';

/** What PostgreSQL stores of a password: `md5` and 32 hexadecimal digits. */
export function md5Verifier(user: string, password: string | Buffer): string {
  return `md5${createHash('md5').update(password).update(user).digest('hex')}`;
}

/** The answer of who has what is stored, so the password itself is not needed. */
export function answerMd5(verifier: string, salt: Buffer): string {
  return `md5${createHash('md5').update(verifier.slice(3)).update(salt).digest('hex')}`;
}
