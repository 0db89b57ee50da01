/**
 * Batch norms in eval mode scale and shift each channel by constants: they are
 * folded into the weights and biases of the layers before them, which TensorFlow
 * then computes with the ReLU after them in one operation.
 *
 * @module
 */
import type { ModelConfig } from "./architectures.ts";
import { BATCH_NORM_EPSILON } from "./kernels.ts";
import type { FeatureLayer } from "./methods/method.ts";
import { methodOf } from "./methods/methods.ts";
import { tensorSpecs } from "./parameters.ts";
import { type State, type TensorSpec } from "./tensors.ts";

/** A layer up to the feature, and the batch norm after it, where there is one. */
export interface Layer {
  layer: string;
  norm?: string;
  weight: TensorSpec;
}

/** Whether a tensor is one of a layer up to the feature. */
export function isUpTo(
  name: string,
  config: ModelConfig,
  features: FeatureLayer,
): boolean {
  if (name.startsWith("backbone.")) return true;
  const { prefixes } = methodOf(config).hidden;
  return features === "head" && prefixes.some((p) => name.startsWith(p));
}

/** The layers up to the feature. */
function layersOf(config: ModelConfig, features: FeatureLayer): Layer[] {
  const found: Layer[] = [];
  const layerOf = (name: string) => name.slice(0, -".weight".length);
  for (const spec of tensorSpecs(config)) {
    if (!isUpTo(spec.name, config, features)) continue;
    if (spec.kind === "conv.weight" || spec.kind === "linear.weight") {
      found.push({ layer: layerOf(spec.name), weight: spec });
    } else if (spec.kind === "norm.weight") {
      found.at(-1)!.norm = layerOf(spec.name);
    }
  }
  return found;
}

/** The layers between the backbone and the hidden layer, a ReLU after each. */
export function headLayers(config: ModelConfig): Layer[] {
  return layersOf(config, "head")
    .filter(({ layer }) => !layer.startsWith("backbone."));
}

/** The tensors of the feature with its batch norms folded. */
export function foldedSpecs(
  config: ModelConfig,
  features: FeatureLayer = methodOf(config).features,
): TensorSpec[] {
  return layersOf(config, features).flatMap(({ layer, weight }) => [
    weight,
    {
      name: `${layer}.bias`,
      shape: weight.shape.slice(-1),
      kind: "linear.bias",
    },
  ]);
}

/**
 * The values of {@linkcode foldedSpecs}: with f = scale/√(variance + ε), weights
 * times f and (bias − mean)·f + offset, by output channel.
 *
 * @param state All tensors of the model, in TensorFlow's layout.
 */
export function foldBatchNorms(
  config: ModelConfig,
  state: State,
  features: FeatureLayer = methodOf(config).features,
): State {
  const folded: State = new Map();
  for (const { layer, norm, weight } of layersOf(config, features)) {
    const own = state.get(weight.name)!, bias = state.get(`${layer}.bias`);
    if (norm === undefined) {
      folded.set(weight.name, own).set(`${layer}.bias`, bias!);
      continue;
    }
    const scale = state.get(`${norm}.weight`)!;
    const offset = state.get(`${norm}.bias`)!;
    const mean = state.get(`${norm}.running_mean`)!;
    const variance = state.get(`${norm}.running_var`)!;
    const factor = scale.map((s, c) =>
      s / Math.sqrt(variance[c]! + BATCH_NORM_EPSILON)
    );
    folded.set(
      weight.name,
      own.map((w, i) => w * factor[i % factor.length]!),
    );
    folded.set(
      `${layer}.bias`,
      offset.map((o, c) => ((bias?.[c] ?? 0) - mean[c]!) * factor[c]! + o),
    );
  }
  return folded;
}
