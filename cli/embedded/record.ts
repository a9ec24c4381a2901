/** What a data folder remembers of its servers: how many there are, and where they listened last. */

import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure, messageOf, systemErrorCode } from '../failure.js';

const recordSchema = z.strictObject({
  format: z.literal('pgring servers 1'),
  postgresql: z.int(),
  ports: z.array(z.int().min(1).max(65_535)).min(1),
});

export interface FolderRecord {
  /** The major version that made the data. */
  readonly postgresql: number;
  /** One port for each shard. */
  readonly ports: readonly number[];
}

/** Reads the record; undefined when the folder has none. */
export async function readRecord(file: string): Promise<FolderRecord | undefined> {
  try {
    const { postgresql, ports } = recordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return { postgresql, ports };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new Failure(`${file} cannot be read`, { detail: messageOf(error), cause: error });
  }
}

/** Replaces the record at once. */
export async function writeRecord(file: string, record: FolderRecord): Promise<void> {
  const temporary = `${file}.new`;
  await writeFile(temporary, `${JSON.stringify({ format: 'pgring servers 1', ...record }, undefined, 2)}\n`);
  await rename(temporary, file);
}
