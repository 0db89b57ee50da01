/**
 * Batch norms in eval mode scale and shift each channel by constants: they are
 * folded into the weights and biases of the layers before them, which TensorFlow
 * then computes with the ReLU after them in one operation.
 *
 * @module
 */
import type { ModelConfig } from "./architectures.ts";
import { BATCH_NORM_EPSILON } from "./kernels.ts";
import { tensorSpecs } from "./parameters.ts";
import { type State, type TensorSpec } from "./tensors.ts";

/** A layer of the feature and the batch norm after it. */
interface NormalizedLayer {
  layer: string;
  norm: string;
  weight: TensorSpec;
}

/** The layers up to the feature: a batch norm follows each. */
function normalizedLayers(config: ModelConfig): NormalizedLayer[] {
  const found: NormalizedLayer[] = [];
  let weight: TensorSpec | undefined;
  for (const spec of tensorSpecs(config)) {
    if (spec.name.startsWith("projection.")) break;
    if (spec.kind === "conv.weight" || spec.kind === "linear.weight") {
      weight = spec;
    } else if (spec.kind === "norm.weight") {
      const layerOf = (name: string) => name.slice(0, -".weight".length);
      found.push({
        layer: layerOf(weight!.name),
        norm: layerOf(spec.name),
        weight: weight!,
      });
    }
  }
  return found;
}

/** The tensors of the feature with its batch norms folded. */
export function foldedSpecs(config: ModelConfig): TensorSpec[] {
  return normalizedLayers(config).flatMap(({ layer, weight }) => [
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
export function foldBatchNorms(config: ModelConfig, state: State): State {
  const folded: State = new Map();
  for (const { layer, norm, weight } of normalizedLayers(config)) {
    const scale = state.get(`${norm}.weight`)!;
    const offset = state.get(`${norm}.bias`)!;
    const mean = state.get(`${norm}.running_mean`)!;
    const variance = state.get(`${norm}.running_var`)!;
    const bias = state.get(`${layer}.bias`);
    const factor = scale.map((s, c) =>
      s / Math.sqrt(variance[c]! + BATCH_NORM_EPSILON)
    );
    folded.set(
      weight.name,
      state.get(weight.name)!.map((w, i) => w * factor[i % factor.length]!),
    );
    folded.set(
      `${layer}.bias`,
      offset.map((o, c) => ((bias?.[c] ?? 0) - mean[c]!) * factor[c]! + o),
    );
  }
  return folded;
}
