/**
 * The name of a prepared transaction carries all that a recoverer needs: a unique id and the participants' shard ids.
 * PostgreSQL allows 199 bytes (GIDSIZE in src/include/access/xact.h).
 */

import type { ShardId } from '../../catalog/topology.js';

const PREFIX = 'pgring';
const RADIX = 36;

interface GlobalId {
  readonly unique: string;
  readonly participants: readonly ShardId[];
}

/** `pgring:<unique>:<ids in base 36, separated by dots>` */
export function formatGlobalId(unique: string, participants: readonly ShardId[]): string {
  return `${PREFIX}:${unique}:${participants.map((shard) => shard.toString(RADIX)).join('.')}`;
}

/** The parts of a name that formatGlobalId made; undefined for any other name. */
export function parseGlobalId(text: string): GlobalId | undefined {
  const [prefix, unique, list, ...rest] = text.split(':');
  if (prefix !== PREFIX || unique === undefined || list === undefined || rest.length > 0) return undefined;
  if (!/^[0-9a-f]+$/.test(unique) || !/^[0-9a-z]+(\.[0-9a-z]+)*$/.test(list)) return undefined;
  return { unique, participants: list.split('.').map((shard) => Number.parseInt(shard, RADIX)) };
}
