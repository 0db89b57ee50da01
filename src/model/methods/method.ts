/**
 * What a method is, as the trainer sees it: views, heads, loss, what it keeps from
 * step to step, optimiser and defaults. Each method is one file beside this one.
 *
 * @module
 */
import type * as tf from "../../deps/tfjs.ts";
import type { Normalization } from "../../patches/normalize.ts";
import type { Recipe } from "../../patches/recipe.ts";
import type { ModelConfig } from "../architectures.ts";
import type { OptimizerConfig } from "../lars.ts";
import type { Scope } from "../layers.ts";
import type { LossConfig, Losses } from "../loss.ts";
import type { State, TensorSpec } from "../tensors.ts";
import type { Limit } from "./options.ts";

/** What the recipes of a method's views depend on. */
export interface ViewChoice {
  /** Whether the images are photographs, which ImageNet's recipes are for. */
  imagenet: boolean;
  /** Mean and deviation of the data set. */
  normalize: Normalization;
}

/** Where a run is. */
export interface Progress {
  /** The step, from 0. */
  step: number;
  /** Steps of the run. */
  steps: number;
  /** Steps an epoch. */
  stepsPerEpoch: number;
}

/** What a step begins with. */
export interface StepInputs {
  /** The network's tensors, in training mode. */
  scope: Scope;
  /** The views, `(v·b)×H×W×C`: view 0 of all images of this replica first. */
  x: tf.Tensor;
  /** v, views or patches an image. */
  views: number;
  /** The network. */
  model: ModelConfig;
  /** The weights of EMP-SSL's loss; ε² is also that of the coding rate shown. */
  loss: LossConfig;
  /** What the step before has left, by the names of {@linkcode Method.kept}. */
  kept: Record<string, tf.Tensor>;
  /** The numbers of {@linkcode Method.scalars} for this step. */
  scalars: Record<string, tf.Tensor>;
  /**
   * The rows of all replicas, `(v·b)×d` from those of this one; the gradient is
   * that of its own rows.
   */
  gather(rows: tf.Tensor, views: number): tf.Tensor;
}

/** What a step gives, before the update. */
export interface StepOutputs extends Losses {
  /** z of the whole batch, `(v·b)×d`. */
  z: tf.Tensor;
  /** What the next step finds: some of {@linkcode StepInputs.kept}. */
  kept: Record<string, tf.Tensor>;
}

/** The layer that features are taken of: the backbone, or the hidden one after it. */
export type FeatureLayer = "backbone" | "head";

/** What features are of: a bag of patches of an image, or all of it once. */
export type Protocol = "bag" | "whole";

/** A method of self-supervised learning. */
export interface Method {
  /** Its name in `--method`. */
  readonly name: string;
  /** Its own name and source. */
  readonly title: string;
  /**
   * The recipe of each view of an image. Without it the views are patches, any
   * number of one recipe.
   */
  views?(choice: ViewChoice): Recipe[];
  /** Its own constants, which `--method-options` changes. */
  readonly options: Readonly<Record<string, number>>;
  /** What they may be: numbers from 0 up where it is not given. */
  readonly limits?: Readonly<Record<string, Limit>>;
  /** Its defaults of a run. */
  defaults(imagenet: boolean): MethodDefaults;
  /** The widths of its heads. */
  readonly widths: { hidden: number; embedding: number };
  /** The tensors of its heads. */
  heads(model: ModelConfig): TensorSpec[];
  /**
   * The hidden layer that features may be taken of: the first letters of the names
   * of its tensors, and the layer.
   */
  readonly hidden: {
    prefixes: readonly string[];
    forward(scope: Scope, h: tf.Tensor): tf.Tensor;
  };
  /** Which layer its features are of, where the user does not say. */
  readonly features: FeatureLayer;
  /** Which images its features are of, where the user does not say. */
  readonly protocol: Protocol;
  /**
   * The parts of the network that have a target: a copy, `target.<name>`, whose
   * parameters follow by τ, a scalar of the method.
   */
  readonly target?: readonly string[];
  /** Other tensors that are kept from step to step. */
  kept?(model: ModelConfig): TensorSpec[];
  /** Their values before the first step: zeros where it is not given. */
  initial?(model: ModelConfig, seed: number): State;
  /** Numbers that change from step to step, by name. */
  scalars?(progress: Progress, model: ModelConfig): Record<string, number>;
  /** Parameters that a scalar of 0 or 1 holds where they are. */
  readonly gates?: Readonly<Record<string, string>>;
  /**
   * Steps in a row for which all images may have one embedding before the run ends:
   * 20 where it is not given.
   */
  readonly patience?: number;
  /** Whether a step may be taken in micro-batches. */
  readonly microBatches: boolean;
  /** The step, up to the gradient. */
  step(inputs: StepInputs): StepOutputs;
}

/** How many views of an image a method takes; nothing where any number of patches. */
export function viewCount({ views }: Method): number | undefined {
  const normalize = { mean: [0.5], std: [0.5] };
  return views?.({ imagenet: false, normalize }).length;
}

/** A method's defaults of a run. */
export interface MethodDefaults {
  /** Images a batch. */
  bs: number;
  /** Learning rate, for so many images a batch. */
  lr: { rate: number; per: number };
  /** Warm-up, as a share of the run. */
  warmUp?: string;
  /** Steps of a warm-up below which it diverges. */
  leastWarmUpSteps?: number;
  /** LARS or SGD, and their constants. */
  optimizer: OptimizerConfig;
}
