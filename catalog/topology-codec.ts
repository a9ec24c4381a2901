/** A topology as text, as every store keeps it, and the checks of what comes back. */

import { z } from 'zod';
import { PgError, sqlstate } from '../base/errors.js';
import { formatPath } from './config-error.js';
import { errorMessage } from './system-error.js';
import { ARC_COUNT, type ShardId, type Topology } from './topology.js';

const format = 'pgring topology 1';

const shard = z.strictObject({
  id: z.int().min(1).max(0x7fff_ffff),
  name: z.string().min(1),
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  weight: z.number().positive(),
});

const document = z.strictObject({
  format: z.literal(format),
  epoch: z.int().min(1),
  home: z.int(),
  shards: z.array(shard).min(1),
  /** Runs of neighbouring arcs with one owner: [owner, number of arcs]. */
  arcs: z.array(z.tuple([z.int(), z.int().min(1).max(ARC_COUNT)])).max(ARC_COUNT),
});

/** JSON of one line, arcs as runs. */
export function encodeTopology(topology: Topology): string {
  const runs: [ShardId, number][] = [];
  for (const owner of topology.arcs) {
    const last = runs.at(-1);
    if (last?.[0] === owner) last[1]++;
    else runs.push([owner, 1]);
  }
  const { epoch, home } = topology;
  const shards = topology.shards.map(({ id, name, host, port, weight }) => ({ id, name, host, port, weight }));
  return JSON.stringify({ format, epoch, home, shards, arcs: runs });
}

/** Reads and validates; `source` names the store in the error. The result is frozen. */
export function decodeTopology(text: string, source: string): Topology {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw damaged(source, errorMessage(error));
  }
  const parsed = document.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw damaged(source, `${formatPath(issue?.path ?? [])}: ${issue?.message ?? 'unreadable'}`);
  }
  const { epoch, home, shards, arcs: runs } = parsed.data;
  const arcs: ShardId[] = [];
  for (const [owner, length] of runs) {
    if (arcs.length + length > ARC_COUNT) throw damaged(source, `arcs: more than ${ARC_COUNT}`);
    for (let index = 0; index < length; index++) arcs.push(owner);
  }
  const topology: Topology = { epoch, shards, home, arcs };
  const problem = findTopologyProblem(topology);
  if (problem !== undefined) throw damaged(source, problem);
  for (const each of shards) Object.freeze(each);
  Object.freeze(shards);
  Object.freeze(arcs);
  return Object.freeze(topology);
}

/** The first rule that a topology breaks, or undefined. */
export function findTopologyProblem(topology: Topology): string | undefined {
  const ids = new Set(topology.shards.map((shard) => shard.id));
  const names = new Set(topology.shards.map((shard) => shard.name));
  if (!Number.isSafeInteger(topology.epoch) || topology.epoch < 1) return `epoch: ${topology.epoch}`;
  if (topology.shards.length === 0) return 'shards: none';
  if (ids.size !== topology.shards.length) return 'shards: two have the same id';
  if (names.size !== topology.shards.length) return 'shards: two have the same name';
  const weightless = topology.shards.find((shard) => !(shard.weight > 0 && Number.isFinite(shard.weight)));
  if (weightless !== undefined) return `shards: the weight of ${weightless.name} is ${weightless.weight}`;
  if (!ids.has(topology.home)) return `home: no shard has the id ${topology.home}`;
  if (topology.arcs.length !== ARC_COUNT) return `arcs: ${topology.arcs.length} instead of ${ARC_COUNT}`;
  const stray = topology.arcs.find((owner) => !ids.has(owner));
  if (stray !== undefined) return `arcs: no shard has the id ${stray}`;
  return undefined;
}

function damaged(source: string, problem: string): PgError {
  return new PgError(sqlstate.configFileError, `the topology in ${source} cannot be used: ${problem}`, {
    severity: 'FATAL',
    hint: 'Restore it from a backup: it says which shard holds which rows, so pgring does not guess.',
  });
}
