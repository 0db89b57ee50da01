/**
 * The network as a graph model of TensorFlow.js, for browsers: `model.json` and
 * `weights.bin`, as tfjs-converter would write them.
 *
 * @module
 */
import type { GraphValue } from "../engine/trace/graph.ts";
import {
  type AttrValue,
  DType,
  GRAPH_VERSION,
  type NodeDef,
} from "../engine/trace/messages.ts";
import { concatBytes } from "../common/files.ts";
import { halfBytes } from "./half.ts";
import { traceFrozen } from "./frozen_graph.ts";
import type { ExportRequest } from "./request.ts";

const TYPE_NAMES: Record<number, string> = {
  [DType.float]: "DT_FLOAT",
  [DType.int32]: "DT_INT32",
};

/** A shape in protocol buffers' JSON, where 64-bit integers are strings. */
const shapeJson = (sides: { size: number }[]) => ({
  dim: sides.map(({ size }) => ({ size: String(size) })),
});

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** An attribute in protocol buffers' JSON. */
function attributeJson(value: AttrValue): unknown {
  if (value.list) return { list: { i: value.list.i?.map(String) } };
  if (value.s) return { s: base64(value.s) };
  if (value.i !== undefined) return { i: String(value.i) };
  if (value.type !== undefined) return { type: TYPE_NAMES[value.type] };
  if (value.shape) return { shape: shapeJson(value.shape.dim) };
  return value;
}

/** A node in JSON; values of constants are in `weights.bin`. */
function nodeJson({ name, op, input, attr }: NodeDef): unknown {
  const attributes = Object.entries(attr).map(([key, value]) => {
    if (!value.tensor) return [key, attributeJson(value)];
    const { dtype, tensorShape } = value.tensor;
    const tensor = {
      dtype: TYPE_NAMES[dtype],
      tensorShape: shapeJson(tensorShape.dim),
    };
    return [key, { tensor }];
  });
  return { name, op, input, attr: Object.fromEntries(attributes) };
}

interface Weight {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: "float16"; original_dtype: "float32" };
}

/**
 * Encodes a network.
 *
 * @param request The network, and how to export it: its input and its output are
 * those of {@linkcode traceFrozen}.
 * @param metadata Texts to store in the file.
 * @returns The files by name.
 */
export function encodeTfjsModel(
  request: ExportRequest,
  metadata: Record<string, string>,
): Record<string, Uint8Array> {
  const { graph, input, output } = traceFrozen({
    ...request,
    precision: "fp32",
  });
  const weights: Weight[] = [], parts: Uint8Array[] = [];
  for (const { name, op, attr } of graph.nodes) {
    if (op !== "Const") continue;
    const { dtype, tensorShape, tensorContent } = attr.value!.tensor!;
    const shape = tensorShape.dim.map(({ size }) => size);
    const half = request.precision === "fp16" && shape.length > 1 &&
      dtype === DType.float;
    weights.push({
      name,
      shape,
      dtype: dtype === DType.float ? "float32" : "int32",
      quantization: half
        ? { dtype: "float16", original_dtype: "float32" }
        : undefined,
    });
    parts.push(
      half
        ? halfBytes(new Float32Array(tensorContent.slice().buffer))
        : tensorContent,
    );
  }
  const info = ({ name, shape }: GraphValue) => ({
    name: `${name}:0`,
    dtype: TYPE_NAMES[DType.float],
    tensorShape: shapeJson(shape.map((size) => ({ size }))),
  });
  const model = {
    format: "graph-model",
    generatedBy: "emp-ssl",
    convertedBy: null,
    userDefinedMetadata: metadata,
    signature: {
      inputs: { [input.name]: info(input) },
      outputs: { [output.name]: info(output) },
    },
    modelTopology: {
      node: graph.nodes.map(nodeJson),
      library: {},
      versions: { producer: GRAPH_VERSION },
    },
    weightsManifest: [{ paths: ["weights.bin"], weights }],
  };
  return {
    "model.json": new TextEncoder().encode(JSON.stringify(model)),
    "weights.bin": concatBytes(parts),
  };
}
