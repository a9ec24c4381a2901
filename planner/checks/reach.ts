/**
 * Where a statement is carried out. `combined`: on one server, over copies of the shards' rows, in a session of its own;
 * `combined alone`: the same for a SELECT, which is finished inside the transaction where no other session would do;
 * `own session`: the same in the client's own session on the home shard.
 */
export type Reach = 'one shard' | 'several shards' | 'combined' | 'combined alone' | 'own session' | 'home';

export function isCombined(reach: Reach): boolean {
  return reach === 'combined' || reach === 'combined alone' || reach === 'own session';
}
