/** Temporary folders that go away by themselves, with the servers that a failed test left in them. */

import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reapAtExit } from './reaper.js';

export interface TemporaryFolder {
  readonly path: string;
  [Symbol.dispose](): void;
}

/** Makes a folder; others may enter it unless the mode says otherwise. */
export async function temporaryFolder(mode = 0o755): Promise<TemporaryFolder> {
  const path = mkdtempSync(join(tmpdir(), 'pgring-test-'));
  reapAtExit(path);
  await chmod(path, mode);
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
