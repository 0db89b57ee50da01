/**
 * What the training worker offers to an evaluation.
 *
 * @module
 */
import type { RingHandle } from "../stream/ring.ts";
import type { Accuracy } from "./accuracy.ts";
import type { FeatureJob, OnFeatures } from "./evaluation_session.ts";
import type { KnnOptions } from "./knn.ts";
import type {
  LinearProbeOptions,
  OnEpoch,
  ProbeResult,
} from "./linear_probe.ts";

/** See `evaluation_session.ts`. */
export interface EvaluationCalls {
  /** Reads a checkpoint for evaluation. */
  startEvaluation(path: string, untrained: boolean): void;
  /** Evaluates the model in training as it is now. */
  startProbe(): Promise<void>;
  /** Computes and keeps the features of a split. */
  features(
    job: FeatureJob,
    handle: RingHandle,
    onFeatures: OnFeatures,
  ): Promise<void>;
  /** Takes images that could not be read out of the evaluation. */
  excludeFeatures(split: string, rows: number[]): void;
  /** Writes the kept features. */
  writeFeatures(path: string): void;
  /** Writes the kept rows of one split alone. */
  writeRows(split: string, path: string, names: string[]): void;
  /** The cosines between all images of a split. */
  cosines(split: string): Promise<Float32Array>;
  /** k nearest neighbours over the kept features. */
  knn(options: KnnOptions): Promise<Accuracy>;
  /** The linear probe over the kept features. */
  linear(options: LinearProbeOptions, onEpoch: OnEpoch): Promise<ProbeResult>;
  /** Frees the kept features. */
  endEvaluation(): void;
}
