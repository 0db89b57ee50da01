/**
 * Computes the features of a split, from the main thread: patch workers cut patches, and
 * the training worker encodes them and stores the features.
 *
 * @module
 */
import { untilAborted } from "../common/call_options.ts";
import * as Comlink from "../deps/comlink.ts";
import type { Dataset, DatasetSource, Split } from "../data/dataset.ts";
import type { ModelConfig } from "../model/architectures.ts";
import { modelOf } from "../model/model_of.ts";
import { largestMap } from "../engine/micro_batch.ts";
import type { FeatureLayer, Protocol } from "../model/methods/method.ts";
import type { PatchValues } from "../patches/normalize.ts";
import { type RecipeChoice, SMALL_SIDE } from "../patches/recipe.ts";
import { PatchStream } from "../stream/patch_stream.ts";
import type { Compute } from "../engine/compute.ts";
import { type ResolvedConfig, valuesOf } from "../checkpoint/run_config.ts";
import { Failure } from "../common/failure.ts";
import { defaultWorkers } from "../stream/worker_count.ts";
import type { EvaluationCalls } from "./evaluation_calls.ts";
import type { PartFile } from "./part_file.ts";

/** What to compute. */
export interface FeatureRequest {
  /** The images. */
  source: DatasetSource;
  /** Their classes. */
  labels: Int32Array;
  /** The name under which the features are stored. */
  split: Split;
  /** Patches per image. */
  patches: number;
  /** Number of patch workers. */
  workers?: number;
  /** How patches are cut. */
  recipe: RecipeChoice;
  /** Aborts the work. */
  signal?: AbortSignal;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** The network, whose maps bound a batch. */
  model: ModelConfig;
  /** Bits of a patch's values, and their normalisation. */
  values?: PatchValues;
  /** The whole image once instead of patches; false where it is not given. */
  whole?: boolean;
  /** The feature layer; the method's own where it is not given. */
  features?: FeatureLayer;
  /** Called for each image that could not be read and is excluded. */
  onSkipped?: (image: string, why: string, index: number) => void;
  /** See `PoolOptions`. */
  failureLimit?: number;
  /** A file of rows from which a later call resumes, and the rows that are in it. */
  keep?: PartFile;
}

/**
 * How an evaluation cuts the images of a run.
 *
 * @param patches Patches per image, of a bag.
 */
export function cutsOf(
  run: ResolvedConfig,
  { protocol, patches }: { protocol: Protocol; patches: number },
): Pick<
  FeatureRequest,
  "patches" | "whole" | "recipe" | "patchSize" | "values" | "model"
> {
  const whole = protocol === "whole";
  return {
    patches: whole ? 1 : patches,
    whole,
    recipe: run.recipe,
    patchSize: run.patchSize,
    values: valuesOf(run),
    model: modelOf(run),
  };
}

/** Numbers of the largest map of a batch: 0.5 GB in fp32. */
const MOST_NUMBERS = 2 ** 27;

/** Patches per batch on the device. */
export function batchPatches(model: ModelConfig, side: number): number {
  const usual = side > SMALL_SIDE ? 128 : 1024;
  const fitting = Math.floor(MOST_NUMBERS / largestMap(model, side));
  return Math.max(1, Math.min(usual, fitting));
}

/**
 * The class of each image.
 *
 * @param classes The classes that are counted, where they are not the data set's own: a
 * test part may lack some of the training part's.
 */
export function labelsOf(
  dataset: Dataset,
  classes: readonly string[] = dataset.classes,
): Int32Array {
  const indices = dataset.classes.map((name, i) =>
    // Names need not be unique.
    name === classes[i] ? i : classes.indexOf(name)
  );
  return Int32Array.from(
    { length: dataset.length },
    (_, i) => indices[dataset.label(i)] ?? dataset.label(i),
  );
}

/**
 * Computes the features of a split with the model that the training worker is
 * evaluating. The features stay in that worker.
 *
 * @param onDone Called with the number of images done.
 */
export async function computeFeatures(
  compute: Compute,
  request: FeatureRequest,
  onDone: (done: number) => void = () => {},
): Promise<void> {
  const { labels, split, patches, recipe, patchSize, signal } = request;
  const fit = Math.max(
    1,
    Math.floor(batchPatches(request.model, patchSize) / patches),
  );
  const images = Math.min(fit, labels.length);
  const { keep } = request;
  const skipped = [...keep?.skipped ?? []];
  const firstBatch = Math.floor((keep?.done ?? 0) / images);
  await using stream = await PatchStream.open({
    source: request.source,
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
    failed: new Set(keep?.skipped),
    failureLimit: request.failureLimit,
    onSkipped(image, why, index) {
      skipped.push(index);
      request.onSkipped?.(image, why, index);
    },
  });
  const calls = compute.calls<EvaluationCalls>();
  // An error of the user's callback must not end the other thread.
  const callbacks = new Failure();
  const features = calls.features(
    {
      ...{ split, images, patches, patchSize, labels, firstBatch },
      values: request.values,
      features: request.features,
      keep: keep?.path,
      half: keep?.half,
    },
    stream.handle,
    Comlink.proxy(callbacks.catching(onDone)),
  );
  const guarded = callbacks.guard(stream.guard(compute.guard(features)));
  await untilAborted(guarded, signal);
  await calls.excludeFeatures(split, skipped);
}
