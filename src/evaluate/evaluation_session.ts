/**
 * Evaluation as the training worker does it: a model in eval mode, and the
 * features that it has computed. It runs in the worker's thread, so that
 * features are never copied between threads.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import type { ModelConfig } from "../model/architectures.ts";
import type { State } from "../model/tensors.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { initialState } from "../model/tensors.ts";
import type { PatchValues } from "../patches/normalize.ts";
import type { FeatureLayer } from "../model/methods/method.ts";
import { Ring, type RingHandle } from "../stream/ring.ts";
import { readCheckpoint } from "../checkpoint/checkpoint.ts";
import type { Accuracy } from "./accuracy.ts";
import { cosines } from "./cosines.ts";
import { Features, NO_LABEL } from "./features.ts";
import { knn, type KnnOptions } from "./knn.ts";
import {
  linearProbe,
  type LinearProbeOptions,
  type OnEpoch,
  type ProbeResult,
} from "./linear_probe.ts";
import { writeFeatures, writeRows } from "./write_features.ts";

/** What to compute features of. */
export interface FeatureJob {
  /** Which part of the data. */
  split: "train" | "test";
  /** Images a batch. */
  images: number;
  /** Patches an image. */
  patches: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** What its numbers are, and how the network takes them. */
  values?: PatchValues;
  /** The layer that is wanted: the method's own where it is not given. */
  features?: FeatureLayer;
  /** The class of each image. */
  labels: Int32Array;
  /** A file that keeps the rows for a later run. */
  keep?: string;
  /** The batch to begin with: those before are in that file. */
  firstBatch: number;
}

/** Told of how many images are done. */
export type OnFeatures = (done: number) => void;

/** See the module's description. */
export class EvaluationSession {
  #engine: Engine;
  #model: ModelConfig;
  #state: State;
  #features = new Map<string, Features>();

  /** Over a model's tensors. */
  constructor(engine: Engine, model: ModelConfig, state: State) {
    this.#engine = engine;
    this.#model = model;
    this.#state = state;
  }

  /**
   * Reads a checkpoint.
   *
   * @param untrained Take the network as it was before training: the baseline
   * that a trained one is compared with.
   */
  static open(
    engine: Engine,
    path: string,
    untrained: boolean,
  ): EvaluationSession {
    const { model, config, state } = readCheckpoint(path);
    return new EvaluationSession(
      engine,
      model,
      untrained ? initialState(tensorSpecs(model), config.seed) : state,
    );
  }

  /** Takes all batches of a split from the ring and keeps their features. */
  async features(
    job: FeatureJob,
    handle: RingHandle,
    onFeatures: OnFeatures,
  ): Promise<void> {
    const { images, labels, keep, firstBatch } = job;
    const model = this.#model;
    const ring = new Ring(handle);
    const encoder = await this.#engine.encoder({ ...job, model }, this.#state);
    const { width } = encoder;
    const features = new Features({ width, labels, keep });
    for (let batch = firstBatch; batch * images < labels.length; batch++) {
      const first = batch * images;
      const count = Math.min(images, labels.length - first);
      const rows = await encoder.encode(await ring.take(batch));
      ring.release(batch);
      features.write(rows.subarray(0, count * width), first);
      onFeatures(first + count);
    }
    encoder.dispose();
    this.#features.set(job.split, features);
  }

  /** See `knn.ts`. */
  knn(options: KnnOptions): Promise<Accuracy> {
    return knn(this.#of("train"), this.#of("test"), options);
  }

  /** See `linear_probe.ts`. */
  linear(options: LinearProbeOptions, onEpoch: OnEpoch): Promise<ProbeResult> {
    return linearProbe(this.#of("train"), this.#of("test"), options, onEpoch);
  }

  /** See `cosines.ts`. */
  cosines(split: string): Promise<Float32Array> {
    return cosines(this.#of(split));
  }

  /** Clears rows whose images could not be read: they do not count. */
  exclude(split: string, rows: number[]): void {
    const features = this.#of(split);
    for (const row of rows) {
      features.labels[row] = NO_LABEL;
      features.write(new Float32Array(features.width), row);
    }
  }

  /** See `write_features.ts`. */
  write(path: string): void {
    writeFeatures(path, Object.fromEntries(this.#features));
  }

  /** Writes the rows of one split alone. */
  writeRows(split: string, path: string, names: string[]): void {
    writeRows(path, this.#of(split), names);
  }

  /** Frees the features. */
  close(): void {
    for (const features of this.#features.values()) features[Symbol.dispose]();
    this.#features.clear();
  }

  #of(split: string): Features {
    return this.#features.get(split)!;
  }
}
