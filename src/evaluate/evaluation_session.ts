/**
 * Evaluation as the training worker does it: a model in eval mode, and the
 * features that it has computed. It runs in the worker's thread, so that
 * features never travel.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import type { State } from "../model/parameters.ts";
import { initialState, tensorSpecs } from "../model/parameters.ts";
import { Ring, type RingHandle } from "../stream/ring.ts";
import { type Checkpoint, readCheckpoint } from "../train/checkpoint.ts";
import type { Accuracy } from "./accuracy.ts";
import type { Features } from "./features.ts";
import { knn, type KnnOptions } from "./knn.ts";
import {
  linearProbe,
  type LinearProbeOptions,
  type OnEpoch,
  type ProbeResult,
} from "./linear_probe.ts";

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
  /** The class of each image. */
  labels: Int32Array;
}

/** Told of how many images are done. */
export type OnFeatures = (done: number) => void;

/** See the module's description. */
export class EvaluationSession {
  #engine: Engine;
  #checkpoint: Checkpoint;
  #state: State;
  #features = new Map<string, Features>();

  private constructor(engine: Engine, checkpoint: Checkpoint, state: State) {
    this.#engine = engine;
    this.#checkpoint = checkpoint;
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
    const checkpoint = readCheckpoint(path);
    const { model, config } = checkpoint;
    const state = untrained
      ? initialState(tensorSpecs(model), config.seed)
      : checkpoint.state;
    return new EvaluationSession(engine, checkpoint, state);
  }

  /** Takes all batches of a split from the ring and keeps their features. */
  async features(
    job: FeatureJob,
    handle: RingHandle,
    onFeatures: OnFeatures,
  ): Promise<void> {
    const { images, labels } = job;
    const { model } = this.#checkpoint;
    const ring = new Ring(handle);
    const encoder = await this.#engine.encoder({ ...job, model }, this.#state);
    const { width } = encoder;
    const values = new Float32Array(labels.length * width);
    for (let batch = 0; batch * images < labels.length; batch++) {
      const first = batch * images;
      const count = Math.min(images, labels.length - first);
      const rows = await encoder.encode(await ring.take(batch));
      ring.release(batch);
      values.set(rows.subarray(0, count * width), first * width);
      onFeatures(first + count);
    }
    encoder.dispose();
    this.#features.set(job.split, { values, width, labels });
  }

  /** See `knn.ts`. */
  knn(options: KnnOptions): Promise<Accuracy> {
    return knn(this.#of("train"), this.#of("test"), options);
  }

  /** See `linear_probe.ts`. */
  linear(options: LinearProbeOptions, onEpoch: OnEpoch): Promise<ProbeResult> {
    return linearProbe(this.#of("train"), this.#of("test"), options, onEpoch);
  }

  #of(split: string): Features {
    return this.#features.get(split)!;
  }
}
