/**
 * Batch norms in eval mode scale and shift each channel by constants. They are folded
 * into the weights and biases of the layers before them, so that TensorFlow computes
 * a layer and its ReLU in one fused operation.
 *
 * @module
 */
import type { ModelConfig } from "./architectures.ts";
import { BATCH_NORM_EPSILON } from "./kernels.ts";
import type { FeatureLayer } from "./methods/method.ts";
import { methodOf } from "./methods/methods.ts";
import { tensorSpecs } from "./parameters.ts";
import { type State, type TensorSpec } from "./tensors.ts";

/** A layer of the feature extractor, and the batch norm after it, if there is one. */
export interface Layer {
  layer: string;
  norm?: string;
  weight: TensorSpec;
}

/** Whether a tensor belongs to the layers that compute the feature. */
export function isUpTo(
  name: string,
  config: ModelConfig,
  features: FeatureLayer,
): boolean {
  if (name.startsWith("backbone.")) return true;
  const { prefixes } = methodOf(config).hidden;
  return features === "head" && prefixes.some((p) => name.startsWith(p));
}

/** The layers that compute the feature. */
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

/** The layers after the backbone that compute the `head` feature, a ReLU after each. */
export function headLayers(config: ModelConfig): Layer[] {
  return layersOf(config, "head")
    .filter(({ layer }) => !layer.startsWith("backbone."));
}

/** The tensors that compute the feature, with batch norms folded. */
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
 * The values of {@linkcode foldedSpecs}. With f = scale/√(variance + ε) by output
 * channel, a folded weight is weight·f and a folded bias (bias − mean)·f + offset.
 *
 * @param state All tensors of the model, in TensorFlow's layout.
 */
export function foldBatchNorms(
  config: ModelConfig,
  state: State,
  features: FeatureLayer,
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
