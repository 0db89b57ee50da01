/**
 * The calls of the training worker for evaluation.
 *
 * @module
 */
import type { RingHandle } from "../stream/ring.ts";
import type { Accuracy } from "./accuracy.ts";
import type { FeatureJob, OnFeatures } from "./evaluation_session.ts";
import type { KnnOptions } from "./knn.ts";
import type {
  Classifier,
  LinearProbeOptions,
  OnEpoch,
  ProbeResult,
} from "./linear_probe.ts";

/** See `evaluation_session.ts`. */
export interface EvaluationCalls {
  /** Reads a checkpoint for evaluation. */
  startEvaluation(path: string, untrained: boolean): void;
  /** Begins an evaluation of the model in training, in its current state. */
  startProbe(): Promise<void>;
  /** Computes and stores the features of a split. */
  features(
    job: FeatureJob,
    handle: RingHandle,
    onFeatures: OnFeatures,
  ): Promise<void>;
  /** Excludes images that could not be read. */
  excludeFeatures(split: string, rows: number[]): void;
  /** Writes the stored features. */
  writeFeatures(path: string): void;
  /** Writes the stored features of one split. */
  writeRows(split: string, path: string, names: string[]): void;
  /** The cosine similarities between all images of a split. */
  cosines(split: string): Promise<Float32Array>;
  /** k nearest neighbours over the stored features. */
  knn(options: KnnOptions): Promise<Accuracy>;
  /** The linear probe over the stored features. */
  linear(
    options: LinearProbeOptions,
    onEpoch: OnEpoch,
  ): Promise<ProbeResult & { classifier?: Classifier }>;
  /** Frees the stored features. */
  endEvaluation(): void;
}
