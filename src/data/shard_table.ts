/**
 * Where the images are in some shards, in shared memory: written once, read by all
 * threads.
 *
 * @module
 */

/** Where the images are: shard, byte offset, size and class of each. */
export interface ShardTable {
  /** The archives. */
  shards: readonly string[];
  /** The shard of each image, an index into `shards`. */
  shard: Uint32Array;
  /** Its byte offset in the shard. */
  offset: Float64Array;
  /** Its size in bytes. */
  size: Uint32Array;
  /** Its class. */
  labels: Uint32Array;
}
