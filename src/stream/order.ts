/**
 * The order of the images in the batches: a pure function of seed and epoch, independent
 * of the number of workers and of where a run was resumed.
 *
 * @module
 */
import type { Blocks } from "../data/dataset.ts";
import { permute } from "../common/random.ts";
import { shuffleInBlocks } from "./block_shuffle.ts";

/** What determines the order of the images. */
export interface OrderConfig {
  /** Images in the data set. */
  count: number;
  /** Images per batch. */
  images: number;
  /** Whether each epoch has a new permutation; otherwise the order is first to last. */
  shuffle: boolean;
  /** The user's seed. */
  seed: number;
  /** For images that are stored in blocks: see `block_shuffle.ts`. */
  blocks?: Blocks;
}

/** An image of an epoch. */
export interface Place {
  /** From 0. */
  epoch: number;
  /** Index into the data set. */
  image: number;
}

/**
 * Batches per epoch. In training an incomplete last batch is dropped, as with PyTorch's
 * `drop_last`; in evaluation it is kept.
 */
export function batchesPerEpoch(order: OrderConfig): number {
  const batches = order.count / order.images;
  return order.shuffle ? Math.floor(batches) : Math.ceil(batches);
}

/** Whether a position in an evaluation's incomplete last batch has no image. */
export function isBeyondEnd(
  batch: number,
  position: number,
  { count, images, shuffle }: OrderConfig,
): boolean {
  return !shuffle && batch * images + position >= count;
}

/** The image at a position of a batch. */
export function placeOf(
  batch: number,
  position: number,
  order: OrderConfig,
): Place {
  const perEpoch = batchesPerEpoch(order);
  const epoch = Math.floor(batch / perEpoch);
  const index = (batch % perEpoch) * order.images + position;
  const { count, seed, blocks } = order;
  if (!order.shuffle) return { epoch, image: index };
  const image = blocks
    ? shuffleInBlocks(index, { blocks, count, seed, epoch })
    : permute(index, { count, seed, epoch });
  return { epoch, image };
}
