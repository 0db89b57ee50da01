/**
 * What a patch worker does: it takes tickets, one an image of a batch, and
 * writes that image's patches where they belong in the batch.
 *
 * @module
 */
import { openDataset } from "../data/catalog.ts";
import type { Dataset, DatasetSource } from "../data/dataset.ts";
import { type Image, RGB, type Samples } from "../data/image.ts";
import {
  cutPatch,
  cutWhole,
  type Recipe,
  type RecipeChoice,
  recipeOf,
} from "../patches/recipe.ts";
import type { PatchTransforms } from "../patches/transforms.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { Purpose, RandomStream } from "../random.ts";
import { isBeyondEnd, type OrderConfig, placeOf } from "./order.ts";
import { Ring, type RingHandle } from "./ring.ts";

/** A stream of patch batches, as plain data. */
export interface PatchJob extends Omit<OrderConfig, "count" | "blocks"> {
  /** The data set; each worker opens it. */
  source: DatasetSource;
  /** How patches are cut: all by one recipe, or each view by its own. */
  recipe: RecipeChoice | readonly Recipe[];
  /**
   * Take the whole image in place of patches of it, without augmentation: its central
   * square, of photographs without their edges.
   */
  whole?: boolean;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Patches an image. */
  patches: number;
  /** The batch to start from. */
  firstBatch: number;
  /** The batch to stop before. */
  endBatch: number;
  /** Where processes train together: which one this is, and of how many. */
  share?: { index: number; of: number };
}

/** The recipe of each view; one for all patches. */
function recipesOf(recipe: PatchJob["recipe"]): readonly Recipe[] {
  return typeof recipe === "string" || "crop" in recipe
    ? [recipeOf(recipe)]
    : recipe;
}

/** The images of each batch that this process cuts. */
export function ownImages({ images, share }: PatchJob): number {
  return images / (share?.of ?? 1);
}

/** Bytes of a patch: `side × side × channels` numbers of 8 or 16 bits. */
function patchBytes({ source, patchSize }: PatchJob): number {
  const { channels, bits } = source.pixels ?? RGB;
  return patchSize ** 2 * channels * bits / 8;
}

/** Bytes of a batch: `patches × own images` patches. */
export function batchBytes(job: PatchJob): number {
  return job.patches * ownImages(job) * patchBytes(job);
}

/** Told to the pool: a ticket that could not be served. */
export type OnFailure = (ticket: number) => void;

/** The bytes of some numbers, in place: those of 16 bits as the machine has them. */
function bytesOf(numbers: Samples): Uint8Array {
  const { buffer, byteOffset, byteLength } = numbers;
  return numbers instanceof Uint8Array
    ? numbers
    : new Uint8Array(buffer, byteOffset, byteLength);
}

/** Golden ratio: its multiples modulo 1 spread evenly over [0, 1). */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Marks a row of a batch that holds no requested image. */
export const NO_IMAGE = -1;

/** Shared memory for the images of each batch in a ring, slot by slot. */
export function imageTable({ slots, parts }: RingHandle): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * slots * parts));
}

/** What a worker holds between two tickets. */
const NO_TICKET = -1;

/** A job that one worker is at. */
export class PatchCutter {
  #job: PatchJob;
  #ring: Ring;
  #dataset: Dataset;
  #order: OrderConfig;
  #random = new RandomStream({ seed: 0, purpose: 0, at: [] });

  #transforms: PatchTransforms;
  #images: Int32Array;

  private constructor(
    job: PatchJob,
    ring: Ring,
    dataset: Dataset,
    { transforms, images }: {
      transforms: PatchTransforms;
      images: Int32Array;
    },
  ) {
    this.#images = images;
    this.#transforms = transforms;
    this.#job = job;
    this.#ring = ring;
    this.#dataset = dataset;
    const { length: count, blocks } = dataset;
    this.#order = { ...job, count, blocks };
  }

  /**
   * Opens the data set of a job.
   *
   * @param images Shared by all threads: see {@linkcode imageTable}.
   */
  static async open(
    job: PatchJob,
    handle: RingHandle,
    images: Int32Array,
  ): Promise<PatchCutter> {
    const { pixels = RGB } = job.source;
    const dataset = await openDataset({ ...job.source, pixels });
    const transforms = await createTransforms(pixels);
    const ring = new Ring(handle);
    return new PatchCutter(job, ring, dataset, { transforms, images });
  }

  /** Serves tickets until the job is done or the ring is ended. */
  async run(onTicket: (ticket: number) => void, onFailure: OnFailure) {
    const { endBatch } = this.#job, images = ownImages(this.#job);
    for (;;) {
      const ticket = this.#ring.nextTicket();
      if (ticket >= endBatch * images) return;
      onTicket(ticket);
      try {
        await this.serve(ticket);
        onTicket(NO_TICKET);
      } catch {
        if (this.#ring.aborted) return;
        onFailure(ticket);
      }
    }
  }

  /**
   * Cuts the patches of one ticket.
   *
   * @param ticket `batch × own images + position`.
   * @param substitute Of the images that may stand in for its own, which one to
   * take; 0 is its own.
   */
  async serve(ticket: number, substitute = 0): Promise<void> {
    const { batch, position, place } = this.#whereIs(ticket);
    if (isBeyondEnd(batch, place, this.#order)) {
      await this.#ring.claim(batch);
      this.#note(batch, position, NO_IMAGE);
      this.#ring.complete(batch);
      return;
    }
    const { epoch, image } = placeOf(batch, place, this.#order);
    const index = this.#standIn(image, substitute);
    const decoded = await this.#dataset.image(index);
    const output = await this.#ring.claim(batch);
    this.#cut(decoded, { epoch, index, position }, output);
    this.#note(batch, position, substitute === 0 ? index : NO_IMAGE);
    this.#ring.complete(batch);
  }

  /** Says which image a row of a batch is of. */
  #note(batch: number, position: number, image: number): void {
    const { slots, parts } = this.#ring.handle;
    this.#images[(batch % slots) * parts + position] = image;
  }

  /**
   * The image that stands in for another: far from it, since damaged files often
   * lie side by side.
   */
  #standIn(image: number, substitute: number): number {
    const { length } = this.#dataset;
    const stride = Math.floor(length * GOLDEN) | 1;
    return (image + substitute * stride) % length;
  }

  /**
   * The batch of a ticket, its position in what this process cuts of it, and its
   * place in the whole batch.
   */
  #whereIs(ticket: number) {
    const images = ownImages(this.#job);
    const batch = Math.floor(ticket / images), position = ticket % images;
    const before = images * (this.#job.share?.index ?? 0);
    return { batch, position, place: before + position };
  }

  /**
   * The image of a ticket: what to call it in a message, its number, and of how
   * many it is one.
   */
  describe(ticket: number): { name: string; index: number; count: number } {
    const { batch, place } = this.#whereIs(ticket);
    const { image: index } = placeOf(batch, place, this.#order);
    const { length: count } = this.#dataset;
    return { name: this.#dataset.describe(index), index, count };
  }

  #cut(
    decoded: Image,
    { epoch, index, position }: {
      epoch: number;
      index: number;
      position: number;
    },
    output: Uint8Array,
  ): void {
    const { patches, patchSize: size, seed, shuffle, whole } = this.#job;
    const images = ownImages(this.#job);
    const recipes = recipesOf(this.#job.recipe);
    const purpose = shuffle ? Purpose.patch : Purpose.evaluation;
    const transforms = this.#transforms;
    const bytes = patchBytes(this.#job);
    transforms.load(decoded);
    for (let patch = 0; patch < patches; patch++) {
      this.#random.seek({ seed, purpose, at: [epoch, index, patch] });
      const start = (patch * images + position) * bytes;
      const recipe = recipes[patch % recipes.length]!;
      if (whole) cutWhole(decoded, { recipe, size, transforms });
      else cutPatch(decoded, { recipe, size, transforms }, this.#random);
      output.set(bytesOf(transforms.patch), start);
    }
  }
}
