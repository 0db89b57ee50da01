/**
 * A graph on a device, as what is run through it sees it.
 *
 * @module
 */

/** What a graph is fed with. */
export type Feed = Float32Array | Int32Array | Uint8Array;

/** A value to be fed: the name of its node, its shape, its numbers. */
export interface NamedFeed {
  /** Name of the placeholder. */
  name: string;
  /** Its shape. */
  shape: number[];
  /** Its values, row by row. */
  values: Feed;
}

/** Runs parts of a graph by the names of its nodes. */
export interface Session {
  /**
   * Feeds and fetches.
   *
   * @param feeds What the part needs.
   * @param fetches Node names.
   * @returns The values, in the order of `fetches`.
   */
  run(
    feeds: NamedFeed[],
    fetches: string[],
  ): Float32Array[] | Promise<Float32Array[]>;
  /** Frees the graph and its variables. */
  dispose(): void;
}
