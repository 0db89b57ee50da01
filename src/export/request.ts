/**
 * The options of an export.
 *
 * @module
 */
import type { ModelConfig } from "../model/architectures.ts";
import { isUpTo } from "../model/fold_batch_norms.ts";
import type { FeatureLayer } from "../model/methods/method.ts";
import { featureWidth as layerWidth } from "../model/encoder.ts";
import { type State } from "../model/tensors.ts";

/** The formats by name. */
export const EXPORT_FORMATS = [
  "safetensors",
  "onnx",
  "savedmodel",
  "tfjs",
] as const;

/** One of {@linkcode EXPORT_FORMATS}. */
export type ExportFormat = typeof EXPORT_FORMATS[number];

/**
 * Part of the network: the ResNet alone (512 features, 2,048 of ResNet-50), or with the
 * hidden layer after it (EMP-SSL's `pre_feature`, whose 4,096 features its evaluation
 * uses).
 */
export type ExportPart = typeof EXPORT_PARTS[number];

/** The choices of {@linkcode ExportPart}. */
export const EXPORT_PARTS = ["backbone", "encoder"] as const;

/** Number formats of an export's weights. */
export const EXPORT_PRECISIONS = ["fp32", "fp16"] as const;

/** One of {@linkcode EXPORT_PRECISIONS}. */
export type ExportPrecision = typeof EXPORT_PRECISIONS[number];

/** A network, and how to export it. */
export interface ExportRequest {
  /** The network. */
  model: ModelConfig;
  /** Its tensors, in our layout. */
  state: State;
  /** The part that is exported. */
  part: ExportPart;
  /** Number format in which the weights are stored; computation is in fp32. */
  precision: ExportPrecision;
  /** Batch size in patches; any number where it is not given. */
  batch?: number;
  /** Side of a patch in pixels. */
  patchSize: number;
}

/** Width of a feature. */
export function featureWidth(
  { model, part }: Pick<ExportRequest, "model" | "part">,
): number {
  return layerWidth(model, layerOf(part));
}

/** Names of the input and the output in every format. */
export const INPUT = "patches", OUTPUT = "features";

/** Whether a tensor belongs to a part. */
export function isInPart(
  name: string,
  { model, part }: Pick<ExportRequest, "model" | "part">,
): boolean {
  return isUpTo(name, model, layerOf(part));
}

/** The layer that a part ends with. */
export function layerOf(part: ExportPart): FeatureLayer {
  return part === "backbone" ? "backbone" : "head";
}
