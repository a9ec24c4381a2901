/** The answer to an md5 challenge (PostgreSQL manual, "Password Authentication"; src/common/md5_common.c). */

import { createHash } from 'node:crypto';

export function answerMd5(user: string, password: string, salt: Buffer): string {
  const stored = createHash('md5').update(password).update(user).digest('hex');
  return `md5${createHash('md5').update(stored).update(salt).digest('hex')}`;
}
