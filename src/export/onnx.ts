/**
 * The network as ONNX, for ONNX Runtime and what is built on it. Images are
 * `N×C×H×W`, and the weights have PyTorch's names and layout.
 *
 * @module
 */
import { headLayers } from "../model/fold_batch_norms.ts";
import { BATCH_NORM_EPSILON } from "../model/kernels.ts";
import { convertLayout, torchShape } from "../model/layout.ts";
import { blocksOf, type ConvSpec, stemOf } from "../model/blocks.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { keptBytes } from "./half.ts";
import {
  encodeOnnx,
  type OnnxAttribute,
  onnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  OnnxType,
} from "./onnx_messages.ts";
import {
  type ExportRequest,
  featureWidth,
  INPUT,
  isInPart,
  OUTPUT,
} from "./request.ts";

const { f, i, ints } = onnxAttribute;

/** The layers of `model/layers.ts` as nodes; each call returns its output's name. */
class Layers {
  readonly nodes: OnnxNode[] = [];

  node(
    opType: string,
    input: string[],
    attribute: OnnxAttribute[] = [],
    name = `${opType}_${this.nodes.length}`,
  ): string {
    this.nodes.push({ opType, name, input, output: [name], attribute });
    return name;
  }

  conv(
    name: string,
    x: string,
    { side, stride, by = side >> 1 }: {
      side: number;
      stride: number;
      by?: number;
    },
  ): string {
    return this.node("Conv", [x, `${name}.weight`], [
      ints("kernel_shape", [side, side]),
      ints("strides", [stride, stride]),
      ints("pads", [by, by, by, by]),
    ]);
  }

  norm(name: string, x: string): string {
    const parts = ["weight", "bias", "running_mean", "running_var"];
    return this.node(
      "BatchNormalization",
      [x, ...parts.map((part) => `${name}.${part}`)],
      [f("epsilon", BATCH_NORM_EPSILON)],
    );
  }

  relu(x: string): string {
    return this.node("Relu", [x]);
  }
}

function resnet(layers: Layers, { model }: ExportRequest): string {
  const normalized = (conv: ConvSpec, x: string, by?: number) =>
    layers.norm(conv.names[1], layers.conv(conv.names[0], x, { ...conv, by }));
  const stem = stemOf(model), more = (model.stemPadding ?? 1) - 1;
  let y = layers.relu(normalized(stem, INPUT, (stem.side >> 1) + more));
  if (model.stem === "imagenet") {
    y = layers.node("MaxPool", [y], [
      ints("kernel_shape", [3, 3]),
      ints("strides", [2, 2]),
      ints("pads", [1, 1, 1, 1]),
    ]);
  }
  for (const { convs, shortcut } of blocksOf(model)) {
    let z = y;
    for (const [i, conv] of convs.entries()) {
      z = normalized(conv, i === 0 ? z : layers.relu(z));
    }
    const around = shortcut ? normalized(shortcut, y) : y;
    y = layers.relu(layers.node("Add", [z, around]));
  }
  return layers.node("Flatten", [layers.node("GlobalAveragePool", [y])]);
}

/**
 * Encodes a network.
 *
 * @param request The network, and how to export it. Its input `patches` is
 * `N×C×side×side` floats, normalised; its output `features` is `N×width`: see
 * {@linkcode featureWidth}.
 * @param metadata Texts to store in the file.
 */
export function encodeOnnxModel(
  request: ExportRequest,
  metadata: Record<string, string>,
): Uint8Array {
  const { model, state, part, precision, batch, patchSize } = request;
  const layers = new Layers();
  const initializers: OnnxTensor[] = [];
  for (const spec of tensorSpecs(model)) {
    if (!isInPart(spec.name, request)) continue;
    const values = convertLayout(spec, state.get(spec.name)!, "torch");
    const dims = torchShape(spec);
    const { half, bytes } = keptBytes(values, dims, precision);
    initializers.push({
      name: half ? `${spec.name}.half` : spec.name,
      dims,
      dataType: half ? OnnxType.float16 : OnnxType.float,
      rawData: bytes,
    });
    if (half) {
      const to = [i("to", OnnxType.float)];
      layers.node("Cast", [`${spec.name}.half`], to, spec.name);
    }
  }
  let y = resnet(layers, request);
  for (const { layer, norm } of part === "encoder" ? headLayers(model) : []) {
    const weights = [`${layer}.weight`, `${layer}.bias`];
    y = layers.node("Gemm", [y, ...weights], [i("transB", 1)]);
    y = layers.relu(norm === undefined ? y : layers.norm(norm, y));
  }
  layers.node("Identity", [y], [], OUTPUT);
  const rows = batch ?? "N";
  return encodeOnnx({
    nodes: layers.nodes,
    initializers,
    inputs: [{
      name: INPUT,
      shape: [rows, model.channels, patchSize, patchSize],
    }],
    outputs: [{ name: OUTPUT, shape: [rows, featureWidth(request)] }],
    metadata,
  });
}
