/** Where a statement is carried out. `combined`: on one server, over copies of the shards' rows, in a session of its own. */
export type Reach = 'one shard' | 'several shards' | 'combined' | 'home';
