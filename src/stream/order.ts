/**
 * Order of the images in the batches: a pure function of the seed, so nothing
 * depends on the number of workers or on where a run was resumed.
 *
 * @module
 */
import type { Blocks } from "../data/dataset.ts";
import { permute } from "../random.ts";
import { shuffleInBlocks } from "./block_shuffle.ts";

/** The order of the images of a run. */
export interface OrderConfig {
  /** Images in the data set. */
  count: number;
  /** Images a batch. */
  images: number;
  /** A new permutation each epoch, or first to last once. */
  shuffle: boolean;
  /** The user's seed. */
  seed: number;
  /** Where the images are read in blocks: they are then shuffled so. */
  blocks?: Blocks;
}

/** One place in the stream. */
export interface Place {
  /** From 0. */
  epoch: number;
  /** Index into the data set. */
  image: number;
}

/**
 * Batches an epoch. In training an incomplete last batch is left out, as
 * PyTorch's `drop_last` does; in evaluation it is kept.
 */
export function batchesPerEpoch(order: OrderConfig): number {
  const batches = order.count / order.images;
  return order.shuffle ? Math.floor(batches) : Math.ceil(batches);
}

/** Whether a position of an evaluation's last batch has no image. */
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
