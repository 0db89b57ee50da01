/**
 * Where the images of some shards lie, in shared memory: found once, read by all
 * threads.
 *
 * @module
 */

/** Where the images lie: for each its shard, first byte, size and class. */
export interface ShardTable {
  /** The archives. */
  shards: readonly string[];
  /** The archive of each image. */
  shard: Uint32Array;
  /** Its first byte there. */
  offset: Float64Array;
  /** Its bytes. */
  size: Uint32Array;
  /** Its class. */
  labels: Uint32Array;
}
