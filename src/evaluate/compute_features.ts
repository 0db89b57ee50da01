/**
 * The features of a split, from the main thread: patch workers cut, the training
 * worker encodes and keeps.
 *
 * @module
 */
import { untilAborted } from "../call_options.ts";
import * as Comlink from "../deps/comlink.ts";
import type { Dataset, DatasetSource, Split } from "../data/dataset.ts";
import type { FeatureLayer } from "../model/methods/method.ts";
import type { PatchValues } from "../patches/normalize.ts";
import type { RecipeChoice } from "../patches/recipe.ts";
import { PatchStream } from "../stream/patch_stream.ts";
import type { Compute } from "../engine/compute.ts";
import { defaultWorkers } from "../stream/pool.ts";
import type { EvaluationCalls } from "./evaluation_calls.ts";

/** What to compute. */
export interface FeatureRequest {
  /** The images. */
  source: DatasetSource;
  /** Their classes. */
  labels: Int32Array;
  /** Under which name the features are kept. */
  split: Split;
  /** Patches an image. */
  patches: number;
  /** Patch workers. */
  workers?: number;
  /** How patches are cut. */
  recipe: RecipeChoice;
  /** Ends the work. */
  signal?: AbortSignal;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** What its numbers are, and how the network takes them. */
  values?: PatchValues;
  /** What of an image: the method's own where it is not given. */
  whole?: boolean;
  /** The layer: the method's own where it is not given. */
  features?: FeatureLayer;
  /** Told of each image that could not be read; it does not count. */
  onSkipped?: (image: string, why: string, index: number) => void;
  /** Where rows are kept for a later run, and what an earlier one has left. */
  keep?: KeptRows;
}

/** Rows that outlive a run. */
export interface KeptRows {
  /** The file. */
  path: string;
  /** How many are in it. */
  done: number;
  /** Those of images that could not be read. */
  skipped: number[];
}

/** Patches of a side in pixels in one batch on the device. */
export function batchPatches(side: number): number {
  return side > 96 ? 128 : 1024;
}

/** The class of each image. */
export function labelsOf(dataset: Dataset): Int32Array {
  return Int32Array.from(
    { length: dataset.length },
    (_, i) => dataset.label(i),
  );
}

/**
 * Computes the features of a split with the model that the training worker has
 * in evaluation, and leaves them there.
 *
 * @param onDone Told how many images are done.
 */
export async function computeFeatures(
  compute: Compute,
  request: FeatureRequest,
  onDone: (done: number) => void = () => {},
): Promise<void> {
  const { source, labels, split, patches, recipe, patchSize, signal } = request;
  const fit = Math.max(1, Math.floor(batchPatches(patchSize) / patches));
  const images = Math.min(fit, labels.length);
  const { keep } = request;
  const skipped = [...keep?.skipped ?? []];
  const firstBatch = Math.floor((keep?.done ?? 0) / images);
  await using stream = await PatchStream.open({
    source,
    recipe,
    patchSize,
    images,
    patches,
    whole: request.whole,
    shuffle: false,
    seed: 0,
    firstBatch,
    endBatch: Math.ceil(labels.length / images),
  }, {
    signal,
    workers: request.workers ?? defaultWorkers(compute.report.device),
    onSkipped(image, why, index) {
      skipped.push(index);
      request.onSkipped?.(image, why, index);
    },
  });
  const calls = compute.calls<EvaluationCalls>();
  const features = calls.features(
    {
      ...{ split, images, patches, patchSize, labels, firstBatch },
      values: request.values,
      features: request.features,
      keep: keep?.path,
    },
    stream.handle,
    Comlink.proxy(onDone),
  );
  await untilAborted(stream.guard(compute.guard(features)), signal);
  await calls.excludeFeatures(split, skipped);
}
