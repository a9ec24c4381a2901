/** Where the shards are and who owns which arc of the ring: what a topology store keeps. */

/** The number of equal arcs that the 64-bit hash space is cut into; an arc is the top 12 bits of a hash. */
export const ARC_COUNT = 4096;

/** A shard's number. It is never reused within a topology, and prepared transactions carry it in their names. */
export type ShardId = number;

/** One PostgreSQL server that holds rows. */
export interface Shard {
  readonly id: ShardId;
  readonly name: string;
  /** A host name, an address, or the directory of a Unix socket (begins with `/`). */
  readonly host: string;
  readonly port: number;
  /** Its share of the arcs, relative to the others' weights; more than 0. */
  readonly weight: number;
}

/** An immutable state of the cluster's topology. Every change has a larger epoch. */
export interface Topology {
  readonly epoch: number;
  readonly shards: readonly Shard[];
  /** The shard that holds home tables and sequences and answers catalog queries. */
  readonly home: ShardId;
  /** The owner of each arc: ARC_COUNT shard ids. */
  readonly arcs: readonly ShardId[];
}
