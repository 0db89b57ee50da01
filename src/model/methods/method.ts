/**
 * The trainer's interface to a method: views, heads, loss, state between steps,
 * optimiser and defaults. Each method is one file in this folder.
 *
 * @module
 */
import type * as tf from "../../deps/tfjs.ts";
import type { Normalization } from "../../patches/normalize.ts";
import type { Recipe } from "../../patches/recipe.ts";
import type { ModelConfig } from "../architectures.ts";
import type { OptimizerConfig } from "../optimizer.ts";
import type { Scope } from "../layers.ts";
import type { LossConfig, Losses } from "../loss.ts";
import type { State, TensorSpec } from "../tensors.ts";
import type { Limit } from "./options.ts";

/** What the augmentation recipes of a method's views depend on. */
export interface ViewChoice {
  /** Whether the images are photographs and get the recipes for ImageNet. */
  imagenet: boolean;
  /** Mean and standard deviation of the data set. */
  normalize: Normalization;
}

/** The progress of a run. */
export interface Progress {
  /** The step, from 0. */
  step: number;
  /** Steps of the run. */
  steps: number;
  /** Steps per epoch. */
  stepsPerEpoch: number;
}

/** The inputs of a step. */
export interface StepInputs {
  /** The network's tensors, in training mode. */
  scope: Scope;
  /** The views, `(v·b)×H×W×C`: view 0 of all images of this replica first. */
  x: tf.Tensor;
  /** v, the number of views or patches per image. */
  views: number;
  /** The network. */
  model: ModelConfig;
  /** The weights of EMP-SSL's loss; every method reports its coding rate with this ε². */
  loss: LossConfig;
  /** The method's state from the previous step: {@linkcode Method.kept} and targets. */
  kept: Record<string, tf.Tensor>;
  /** The numbers of {@linkcode Method.scalars} for this step. */
  scalars: Record<string, tf.Tensor>;
  /**
   * All-gather: the rows of all replicas, `(v·b)×d`, from those of this one. The
   * gradient flows to this replica's rows only.
   */
  gather(rows: tf.Tensor, views: number): tf.Tensor;
}

/** The outputs of a step, before the optimiser's update. */
export interface StepOutputs extends Losses {
  /** New values of some of {@linkcode StepInputs.kept}, for the next step. */
  kept: Record<string, tf.Tensor>;
}

/** The layer whose output is the feature: the backbone, or the hidden layer after it. */
export type FeatureLayer = typeof FEATURE_LAYERS[number];

/** The layers of {@linkcode FeatureLayer}. */
export const FEATURE_LAYERS = ["backbone", "head"] as const;

/** What a feature is computed from: a bag of patches, or the whole image once. */
export type Protocol = typeof PROTOCOLS[number];

/** The protocols of {@linkcode Protocol}. */
export const PROTOCOLS = ["bag", "whole"] as const;

/** A method of self-supervised learning. */
export interface Method {
  /** Its name in `--method`. */
  readonly name: string;
  /** Its published name and source. */
  readonly title: string;
  /**
   * The recipe of each view of an image. If absent, the views are patches: any number,
   * all of one recipe.
   */
  views?(choice: ViewChoice): Recipe[];
  /** Its options and their defaults, which `--method-options` changes. */
  readonly options: Readonly<Record<string, number>>;
  /** Valid values of the options: numbers from 0 up if not given. */
  readonly limits?: Readonly<Record<string, Limit>>;
  /** Default choices of a run with this method. */
  defaults(imagenet: boolean): MethodDefaults;
  /** The widths of its heads. */
  readonly widths: { hidden: number; embedding: number };
  /** The tensors of its heads. */
  heads(model: ModelConfig): TensorSpec[];
  /**
   * The hidden layer whose output may be the feature: prefixes of its tensors' names,
   * and its forward pass.
   */
  readonly hidden: {
    prefixes: readonly string[];
    forward(scope: Scope, h: tf.Tensor): tf.Tensor;
  };
  /** Default layer of its features. */
  readonly features: FeatureLayer;
  /** Default evaluation protocol of its features. */
  readonly protocol: Protocol;
  /**
   * Name prefixes of the parts of the network with a target: a copy, `target.<name>`,
   * whose parameters are an exponential moving average with τ, a scalar of the method.
   */
  readonly target?: readonly string[];
  /** Further state between steps, such as queues. */
  kept?(model: ModelConfig): TensorSpec[];
  /** Initial values of {@linkcode Method.kept}: zeros if not given. */
  initial?(model: ModelConfig, seed: number): State;
  /** Scheduled numbers of a step, such as τ, by name. */
  scalars?(progress: Progress, model: ModelConfig): Record<string, number>;
  /** Parameters that are frozen while a scalar is 0: parameter → name of the scalar. */
  readonly gates?: Readonly<Record<string, string>>;
  /**
   * Consecutive collapsed steps (nearly one embedding for all images) after which the
   * run ends: 20 if not given.
   */
  readonly patience?: number;
  /** Whether a step may be computed in micro-batches. */
  readonly microBatches: boolean;
  /** Forward pass and loss of a step. */
  step(inputs: StepInputs): StepOutputs;
}

/** Number of views per image; undefined for a method that takes any number of patches. */
export function viewCount({ views }: Method): number | undefined {
  const normalize = { mean: [0.5], std: [0.5] };
  return views?.({ imagenet: false, normalize }).length;
}

/** Default choices of a run with a method. */
export interface MethodDefaults {
  /** Images per batch. */
  bs: number;
  /** Learning rate, scaled linearly with the batch from `per` images; 0: not scaled. */
  lr: { rate: number; per: number };
  /** Warm-up, as a share of the run. */
  warmUp?: string;
  /** Smallest number of warm-up steps: with fewer the training diverges. */
  leastWarmUpSteps?: number;
  /** LARS or SGD, and their constants. */
  optimizer: OptimizerConfig;
  /** Head widths, where they are not the method's `widths`. */
  widths?: Partial<Method["widths"]>;
  /** Options, where they are not the method's `options`. */
  options?: Record<string, number>;
}
