/**
 * Evaluation in the training worker: a model in eval mode, and the features computed
 * with it. It runs in the worker's thread, so that features are never copied between
 * threads.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import { breathe } from "../common/files.ts";
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
  type Classifier,
  linearProbe,
  type LinearProbeOptions,
  type OnEpoch,
  type ProbeResult,
} from "./linear_probe.ts";
import { writeFeatures, writeRows } from "./write_features.ts";

/** A split to compute features of, and how. */
export interface FeatureJob {
  /** The split. */
  split: "train" | "test";
  /** Images per batch. */
  images: number;
  /** Patches per image. */
  patches: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Bits of a patch's values, and their normalisation. */
  values?: PatchValues;
  /** The feature layer; the method's own where it is not given. */
  features?: FeatureLayer;
  /** The class of each image. */
  labels: Int32Array;
  /** A file that stores the rows, so that a later call can resume. */
  keep?: string;
  /** Whether it stores them in half precision. */
  half?: boolean;
  /** The first batch to compute; earlier ones are in that file. */
  firstBatch: number;
}

/** Called with the number of images done. */
export type OnFeatures = (done: number) => void;

/** See the module's description. */
export class EvaluationSession {
  #engine: Engine;
  #model: ModelConfig;
  #state: State;
  #features = new Map<string, Features>();
  /** What it computes now. */
  #work: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** For a model and its tensors. */
  constructor(engine: Engine, model: ModelConfig, state: State) {
    this.#engine = engine;
    this.#model = model;
    this.#state = state;
  }

  /**
   * Reads a checkpoint.
   *
   * @param untrained Replace the weights by the random initial ones of the run's seed,
   * as a baseline.
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

  /** Encodes all batches of a split from the ring and stores their features. */
  async features(
    job: FeatureJob,
    handle: RingHandle,
    onFeatures: OnFeatures,
  ): Promise<void> {
    const { images, labels, keep, half, firstBatch } = job;
    const model = this.#model;
    const ring = new Ring(handle);
    const encoder = await this.#engine.encoder({ ...job, model }, this.#state);
    const { width } = encoder;
    const features = new Features({ width, labels, keep, half });
    this.#features.set(job.split, features);
    try {
      for (let batch = firstBatch; batch * images < labels.length; batch++) {
        const first = batch * images;
        const count = Math.min(images, labels.length - first);
        const rows = await encoder.encode(await ring.take(batch));
        ring.release(batch);
        features.write(rows.subarray(0, count * width), first);
        onFeatures(first + count);
      }
    } finally {
      encoder.dispose();
    }
  }

  /** Begins some work, which {@linkcode EvaluationSession.stop} waits for. */
  #begin<T>(work: Promise<T>): Promise<T> {
    this.#work = work.catch(() => {});
    return work;
  }

  /** Lets the thread receive calls, of which `stop` may be one. */
  #pause = async (): Promise<void> => {
    await breathe();
    if (this.#stopped) throw new Error("the evaluation was stopped");
  };

  /** Ends the computation that is running, if any, and frees the features. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#work;
    this.close();
  }

  /** See `knn.ts`. */
  knn(options: KnnOptions): Promise<Accuracy> {
    const own = { ...options, pause: this.#pause };
    return this.#begin(knn(this.#of("train"), this.#of("test"), own));
  }

  /** See `linear_probe.ts`. */
  linear(
    options: LinearProbeOptions,
    onEpoch: OnEpoch,
  ): Promise<ProbeResult & { classifier?: Classifier }> {
    const own = { ...options, pause: this.#pause };
    return this.#begin(
      linearProbe(this.#of("train"), this.#of("test"), own, onEpoch),
    );
  }

  /** See `cosines.ts`. */
  cosines(split: string): Promise<Float32Array> {
    return this.#begin(cosines(this.#of(split)));
  }

  /** Excludes images that could not be read: their rows become zero and unlabelled. */
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

  /** Writes the features of one split. */
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
