/**
 * The shuffle of images that are stored in blocks, such as the row groups of a file: the
 * blocks are shuffled, then the images within each stretch of consecutive shuffled
 * blocks, so that a worker reads few blocks at a time. A pure function of seed and
 * epoch, as in `order.ts`.
 *
 * @module
 */
import type { Blocks } from "../data/dataset.ts";
import { endsOf, placeIn, startIn } from "../common/place_in.ts";
import { permute } from "../common/random.ts";

/** Mixed into the seed, so that blocks and images are shuffled independently. */
const BLOCKS = 0x626c6f63, STRETCHES = 0x9e3779b9;

/** The shuffled blocks of an epoch. */
interface Shuffled {
  epoch: number;
  seed: number;
  /** For each block, in shuffled order: its first image in the data set. */
  starts: Float64Array;
  /** For each block, in shuffled order: its end position in the epoch. */
  ends: Float64Array;
  /** The end position of each stretch: whole blocks, with at least `buffer` images. */
  stretches: Float64Array;
}

/** The latest shuffle of each data set. */
const last = new WeakMap<Blocks, Shuffled>();

function shuffled(blocks: Blocks, seed: number, epoch: number): Shuffled {
  const known = last.get(blocks);
  if (known?.epoch === epoch && known.seed === seed) return known;
  const { sizes } = blocks, count = sizes.length, stored = endsOf(sizes);
  const starts = new Float64Array(count), ends = new Float64Array(count);
  for (let i = 0, end = 0; i < count; i++) {
    const own = (seed ^ BLOCKS) >>> 0;
    const block = permute(i, { count, seed: own, epoch });
    starts[i] = startIn(stored, block);
    ends[i] = end += sizes[block]!;
  }
  const stretches: number[] = [];
  let begin = 0;
  for (const end of ends) {
    if (end - begin < blocks.buffer) continue;
    stretches.push(begin = end);
  }
  if (begin < (ends[count - 1] ?? 0)) stretches.push(ends[count - 1]!);
  const found = {
    ...{ epoch, seed, starts, ends },
    stretches: Float64Array.from(stretches),
  };
  last.set(blocks, found);
  return found;
}

/**
 * The image at a position of an epoch.
 *
 * @param index The position, from 0.
 * @param options The blocks, the total number of images, the seed and the epoch.
 *
 * @example Each image occurs once
 * ```ts
 * import { shuffleInBlocks } from "./block_shuffle.ts";
 *
 * const blocks = { sizes: Uint32Array.of(2, 3, 1), buffer: 4 };
 * const options = { blocks, count: 6, seed: 0, epoch: 0 };
 * const order = [0, 1, 2, 3, 4, 5].map((i) => shuffleInBlocks(i, options));
 * console.assert(new Set(order).size === 6);
 * ```
 */
export function shuffleInBlocks(
  index: number,
  { blocks, count, seed, epoch }: {
    blocks: Blocks;
    count: number;
    seed: number;
    epoch: number;
  },
): number {
  const { starts, ends, stretches } = shuffled(blocks, seed, epoch);
  const stretch = placeIn(stretches, index);
  const first = startIn(stretches, stretch);
  const at = first + permute(index - first, {
    count: Math.min(stretches[stretch]!, count) - first,
    seed: (seed + Math.imul(stretch + 1, STRETCHES)) >>> 0,
    epoch,
  });
  const block = placeIn(ends, at);
  return starts[block]! + at - startIn(ends, block);
}
