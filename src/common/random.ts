/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw,
 * «Parallel Random Numbers: As Easy as 1, 2, 3», SC 2011). A random number is a pure
 * function of a key and a counter, so that the patches of an image do not depend on
 * which worker cuts them, or when.
 *
 * @module
 */

// As signed 32-bit numbers, like all below: V8 keeps those in registers, and holds
// larger ones as floating-point numbers, at 2.5 times the time.
const MULTIPLIER_0 = 0xd2511f53 | 0;
const MULTIPLIER_1 = 0xcd9e8d57 | 0;
const WEYL_0 = 0x9e3779b9 | 0;
const WEYL_1 = 0xbb67ae85 | 0;

/** The upper 32 bits of an unsigned 32×32-bit product. No sum exceeds 32 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16;
  const bLow = b & 0xffff, bHigh = b >>> 16;
  const low = Math.imul(aLow, bLow);
  const middle1 = (Math.imul(aHigh, bLow) + (low >>> 16)) | 0;
  const middle2 = (Math.imul(aLow, bHigh) + (middle1 & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle1 >>> 16) + (middle2 >>> 16)) | 0;
}

/**
 * Ten rounds of Philox4x32 over the four counter words, in place.
 *
 * @param counter Four 32-bit words; replaced by the four random words.
 * @param key0 The first word of the key.
 * @param key1 The second word of the key.
 *
 * @example The published test vector for a zero key and counter
 * ```ts
 * import { philox4x32 } from "./random.ts";
 *
 * const words = new Uint32Array(4);
 * philox4x32(words, 0, 0);
 * console.assert(words[0] === 0x6627e8d5);
 * ```
 */
export function philox4x32(
  counter: Uint32Array,
  key0: number,
  key1: number,
): void {
  let c0 = counter[0]! | 0, c1 = counter[1]! | 0;
  let c2 = counter[2]! | 0, c3 = counter[3]! | 0;
  key0 |= 0;
  key1 |= 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(c0, MULTIPLIER_0);
    const low0 = Math.imul(c0, MULTIPLIER_0);
    const high1 = multiplyHigh(c2, MULTIPLIER_1);
    const low1 = Math.imul(c2, MULTIPLIER_1);
    c0 = high1 ^ c1 ^ key0;
    c1 = low1;
    c2 = high0 ^ c3 ^ key1;
    c3 = low0;
    key0 = (key0 + WEYL_0) | 0;
    key1 = (key1 + WEYL_1) | 0;
  }
  counter[0] = c0;
  counter[1] = c1;
  counter[2] = c2;
  counter[3] = c3;
}

/**
 * The purpose of a random stream. Streams of different purposes are independent even if
 * all other coordinates are equal.
 */
export const Purpose = {
  /** Augmentation of a training patch. */
  patch: 1,
  /** Order of the images in an epoch. */
  order: 2,
  /** Initial weights. */
  weights: 3,
  /** The `shapes` data set. */
  shapes: 4,
  /** Order of the linear probe's examples. */
  probe: 5,
  /** Augmentation of an evaluation patch. */
  evaluation: 6,
  /** Initial rows of a method's queue. */
  queue: 7,
} as const;

/**
 * A stream of random numbers at given coordinates.
 *
 * @example The same coordinates give the same numbers
 * ```ts
 * import { Purpose, RandomStream } from "./random.ts";
 *
 * const a = new RandomStream({ seed: 1, purpose: Purpose.patch, at: [0, 7, 3] });
 * const b = new RandomStream({ seed: 1, purpose: Purpose.patch, at: [0, 7, 3] });
 * console.assert(a.uniform() === b.uniform());
 * ```
 */
export class RandomStream {
  #counter = new Uint32Array(4);
  #words = new Uint32Array(4);
  #used = 4;
  #key0 = 0;
  #key1 = 0;

  /** Starts at the given coordinates; see {@linkcode RandomStream.seek}. */
  constructor(start: RandomCoordinates) {
    this.seek(start);
  }

  /** Moves to other coordinates: cheaper than a new stream in a hot loop. */
  seek({ seed, purpose, at }: RandomCoordinates): void {
    this.#key0 = seed >>> 0;
    this.#key1 = purpose;
    this.#counter[0] = 0;
    this.#counter[1] = at[0] ?? 0;
    this.#counter[2] = at[1] ?? 0;
    this.#counter[3] = at[2] ?? 0;
    this.#used = 4;
  }

  /** The next 32 random bits. */
  next(): number {
    if (this.#used === 4) {
      const words = this.#words, counter = this.#counter;
      // A call of set() takes longer for so few.
      words[0] = counter[0]!;
      words[1] = counter[1]!;
      words[2] = counter[2]!;
      words[3] = counter[3]!;
      philox4x32(words, this.#key0, this.#key1);
      counter[0]!++;
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** A uniform random number in `[low, high)`; `[0, 1)` by default. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.next() / 4294967296);
  }

  /** A whole number in `[0, count)`. */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** A draw from the standard normal distribution (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** `[0, 1, …, count − 1]` in random order (Fisher and Yates). */
  permutation(count: number): number[] {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** Where a {@linkcode RandomStream} starts. */
export interface RandomCoordinates {
  /** The user's seed, a 32-bit whole number. */
  seed: number;
  /** One of {@linkcode Purpose}. */
  purpose: number;
  /** Up to three 32-bit coordinates, such as epoch, image and patch. */
  at: readonly number[];
}

/**
 * A random permutation of `[0, count)` in constant memory: a four-round Feistel network
 * over the next power of four, applied again until the result is in range (cycle
 * walking: Black and Rogaway, «Ciphers with Arbitrary Finite Domains», 2002).
 *
 * @param index The position, in `[0, count)`.
 * @param options The number of elements, the seed, and the epoch, which selects the
 * permutation.
 * @returns The element at that position.
 *
 * @example Each element occurs once
 * ```ts
 * import { permute } from "./random.ts";
 *
 * const seen = new Set(
 *   [0, 1, 2, 3, 4].map((i) => permute(i, { count: 5, seed: 1, epoch: 0 })),
 * );
 * console.assert(seen.size === 5);
 * ```
 */
export function permute(
  index: number,
  { count, seed, epoch }: { count: number; seed: number; epoch: number },
): number {
  let half = 1;
  while (2 ** (2 * half) < count) half++;
  const mask = 2 ** half - 1;
  const words = new Uint32Array(4);
  let value = index;
  do {
    let left = Math.floor(value / (mask + 1)), right = value & mask;
    for (let round = 0; round < 4; round++) {
      words[0] = right;
      words[1] = round;
      words[2] = epoch;
      words[3] = 0;
      philox4x32(words, seed >>> 0, Purpose.order);
      [left, right] = [right, (left ^ words[0]) & mask];
    }
    value = left * (mask + 1) + right;
  } while (value >= count);
  return value;
}
