/**
 * The work of a patch worker: it draws tickets, one per image of a batch, and writes
 * that image's patches to their place in the batch.
 *
 * @module
 */
import { openDataset } from "../data/open_dataset.ts";
import type { Dataset, DatasetSource } from "../data/dataset.ts";
import { type Image, RGB } from "../data/image.ts";
import { bytesOf } from "../common/files.ts";
import { errorMaker } from "../common/errors.ts";
import {
  cutPatch,
  cutWhole,
  type Recipe,
  type RecipeChoice,
  recipeOf,
} from "../patches/recipe.ts";
import type { PatchTransforms } from "../patches/transforms.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import { Purpose, RandomStream } from "../common/random.ts";
import { isBeyondEnd, type OrderConfig, placeOf } from "./order.ts";
import { Ring, type RingHandle } from "./ring.ts";

/** The description of a stream of patch batches, as plain data. */
export interface PatchJob extends Omit<OrderConfig, "count" | "blocks"> {
  /** The data set; each worker opens it. */
  source: DatasetSource;
  /** How patches are cut: one recipe for all, or one for each view. */
  recipe: RecipeChoice | readonly Recipe[];
  /**
   * Use the whole image in place of random crops, without augmentation: its central
   * square, for photographs without their edges (see `cutWhole`).
   */
  whole?: boolean;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Patches per image. */
  patches: number;
  /** The first batch. */
  firstBatch: number;
  /** The batch after the last one. */
  endBatch: number;
  /** If processes train together: this one's number, and how many there are. */
  share?: { index: number; of: number };
}

/** The error of a job of which no batches can be made. */
export const jobError = errorMaker("cut patches for", "INVALID_ARGUMENT");

/** The recipe of each view, or a single one for all patches. */
export function recipesOf(recipe: PatchJob["recipe"]): readonly Recipe[] {
  return typeof recipe === "string" || "crop" in recipe
    ? [recipeOf(recipe)]
    : recipe;
}

/** How many images of each batch this process cuts. */
export function ownImages({ images, share }: PatchJob): number {
  return images / (share?.of ?? 1);
}

/** Bytes of a patch: `side × side × channels` values of 8 or 16 bits. */
function patchBytes({ source, patchSize }: PatchJob): number {
  const { channels, bits } = source.pixels ?? RGB;
  return patchSize ** 2 * channels * bits / 8;
}

/** Bytes of a batch: `patches × own images` patches. */
export function batchBytes(job: PatchJob): number {
  return job.patches * ownImages(job) * patchBytes(job);
}

/** Called with a ticket that could not be served. */
export type OnFailure = (ticket: number) => void;

/** Golden ratio: its multiples modulo 1 spread evenly over [0, 1). */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Marks a row of a batch that does not contain the requested image. */
export const NO_IMAGE = -1;

/** Shared memory for the image indices of each slot of a ring. */
export function imageTable({ slots, parts }: RingHandle): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * slots * parts));
}

/** Passed to `onTicket` when a ticket is done. */
const NO_TICKET = -1;

/** One worker's part in a job. */
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
   * @param images Shared memory: see {@linkcode imageTable}.
   * @throws {EmpSslError} `INVALID_ARGUMENT` for a batch larger than the data set, and any
   * error of opening it.
   */
  static async open(
    job: PatchJob,
    handle: RingHandle,
    images: Int32Array,
  ): Promise<PatchCutter> {
    const { pixels = RGB } = job.source;
    const dataset = await openDataset({ ...job.source, pixels });
    if (job.shuffle && dataset.length < job.images) {
      throw jobError(
        `batches of ${job.images} images`,
        `${dataset.name} has ${dataset.length}`,
        "give fewer images",
      );
    }
    const transforms = await createTransforms(pixels);
    const ring = new Ring(handle);
    return new PatchCutter(job, ring, dataset, { transforms, images });
  }

  /** Serves tickets until the job is done or the ring is aborted. */
  async run(onTicket: (ticket: number) => void, onFailure: OnFailure) {
    const { endBatch } = this.#job, images = ownImages(this.#job);
    for (;;) {
      const ticket = this.#ring.nextTicket();
      if (ticket >= endBatch * images || this.#ring.aborted) return;
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
   * @param substitute 0 for the ticket's own image, otherwise the number of a substitute
   * image.
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
    // The thread may be ended as soon as it decodes nothing.
    this.#ring.throwIfAborted();
    const decoded = await this.#dataset.image(index);
    const output = await this.#ring.claim(batch);
    this.#cut(decoded, { epoch, index, position }, output);
    this.#note(batch, position, substitute === 0 ? index : NO_IMAGE);
    this.#ring.complete(batch);
  }

  /** Records which image a row of a batch contains. */
  #note(batch: number, position: number, image: number): void {
    const { slots, parts } = this.#ring.handle;
    this.#images[(batch % slots) * parts + position] = image;
  }

  /**
   * The index of a substitute image: far from the original, since damaged files are
   * often neighbours.
   */
  #standIn(image: number, substitute: number): number {
    const { length } = this.#dataset;
    const stride = Math.floor(length * GOLDEN) | 1;
    return (image + substitute * stride) % length;
  }

  /**
   * The batch of a ticket, its position in this process's part of the batch, and its
   * place in the whole batch.
   */
  #whereIs(ticket: number) {
    const images = ownImages(this.#job);
    const batch = Math.floor(ticket / images), position = ticket % images;
    const before = images * (this.#job.share?.index ?? 0);
    return { batch, position, place: before + position };
  }

  /**
   * The image of a ticket: its name for messages, its index, and the number of images in
   * the data set.
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
