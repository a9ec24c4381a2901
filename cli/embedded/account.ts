/**
 * The account that servers run as. PostgreSQL refuses to run as root ("PostgreSQL Server Administration: The PostgreSQL
 * User Account"), so a pgring started by root runs them as `postgres`, or else as `nobody`.
 */

import { execFileSync } from 'node:child_process';
import { Failure } from '../failure.js';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** True when this process is root, and so may and must run servers as somebody else. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The account to change to, or undefined to stay who we are. */
export function serverAccount(): Account | undefined {
  if (!isRoot()) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = numericId('-u', name);
    const gid = numericId('-g', name);
    if (uid !== undefined && gid !== undefined && uid !== 0) return { name, uid, gid };
  }
  throw new Failure('PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as', {
    hint: 'Start pgring as a normal user, or make one: useradd --system postgres',
  });
}

/** What spawn() needs to become the account. */
export function identityOf(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

function numericId(option: '-u' | '-g', name: string): number | undefined {
  try {
    const id = Number(execFileSync('id', [option, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return Number.isInteger(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
