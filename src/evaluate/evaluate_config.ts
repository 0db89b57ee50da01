/**
 * The choices of an evaluation, and their defaults.
 *
 * @module
 */
import type { NamesOf } from "../common/choice_names.ts";
import type { DataOptions, OwnDataChoice } from "../data/dataset.ts";
import type { EngineChoice, PrecisionChoice } from "../engine/engine.ts";
import type { FeatureLayer, Protocol } from "../model/methods/method.ts";

/** The user's choices. */
export interface EvaluateConfig {
  /** A checkpoint, or a run's folder. */
  modelPath: string;
  /** Patches per image. */
  testPatches: number;
  /**
   * A bag of patches of each image, or the whole image once; what the method uses where
   * it is not given.
   */
  protocol?: Protocol;
  /**
   * The backbone's output, or that of the hidden layer after it; what the method uses
   * where it is not given.
   */
  features?: FeatureLayer;
  /** The data set, or a module's URL; the run's own where it is not given. */
  data?: string | OwnDataChoice;
  /** Its options; for the same data, the run's own where it is not given. */
  dataOptions?: DataOptions;
  /** Its folder; for the same data, the run's own where it is not given. */
  dataDir?: string;
  /** An address of its archive that replaces the official one. */
  dataUrl?: string;
  /** Whether it may be downloaded where it is not on disk: yes by default. */
  download?: boolean;
  /** ImageNet-100: a file of classes; the run's own where it is not given. */
  classes?: string;
  /** Use only this many training images. */
  limitTrain?: number;
  /** Use only this many test images. */
  limitTest?: number;
  /** Side of the patches in pixels; that of the training where it is not given. */
  patchSize?: number;
  /** Train the linear probe. */
  linear: boolean;
  /** Learning rate of the linear probe's first epoch: the authors' 0.03 by default. */
  lr?: number;
  /** Epochs of the linear probe: the authors' 100 by default. */
  linearEpochs?: number;
  /** Classify by kNN. */
  knn: boolean;
  /** Neighbours that vote: 20 by default. */
  knnK?: number;
  /** Temperature of their votes: 0.07 by default. */
  knnTemperature?: number;
  /** Use the random initial weights of the run's seed instead, as a baseline. */
  untrained: boolean;
  /**
   * A folder for .npy files, or a .safetensors file, for the features and labels; beside
   * them text files name the image of each row and the class of each label.
   */
  featuresOut?: string;
  /**
   * A .safetensors file for the linear probe: `weight`, classes × features, and `bias`,
   * with the names of the classes in its metadata.
   */
  classifierOut?: string;
  /**
   * A folder for the features while they are computed: the same call continues from
   * them after an interruption. They are removed at the end. Where they cannot be
   * written, and for the user's own modules, none are kept.
   */
  keepIn?: string;
  /** Number of patch workers. */
  workers?: number;
  /** CPU threads of the engine; all cores where it is not given. */
  threads?: number;
  /** The engine that runs the model. */
  engine: EngineChoice;
  /** Number format of convolutions and dense layers. */
  precision: PrecisionChoice;
}

/** The defaults: the paper's choices. */
export const EVALUATE_DEFAULTS = {
  testPatches: 128,
  linear: true,
  knn: true,
  untrained: false,
  engine: "auto",
  precision: "auto",
} as const;

/** The names of its choices. */
export const EVALUATE_NAMES: NamesOf<EvaluateConfig> = {
  modelPath: true,
  testPatches: true,
  protocol: true,
  features: true,
  data: true,
  dataOptions: true,
  dataDir: true,
  dataUrl: true,
  download: true,
  classes: true,
  limitTrain: true,
  limitTest: true,
  patchSize: true,
  linear: true,
  lr: true,
  linearEpochs: true,
  knn: true,
  knnK: true,
  knnTemperature: true,
  untrained: true,
  featuresOut: true,
  classifierOut: true,
  keepIn: true,
  workers: true,
  threads: true,
  engine: true,
  precision: true,
};
