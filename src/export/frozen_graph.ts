/**
 * The network as a TensorFlow graph with its weights as constants, traced from the
 * code of `src/model/`.
 *
 * @module
 */
import { encode } from "../model/encoder.ts";
import { scopeOf } from "../model/layers.ts";
import { tensorSpecs } from "../model/parameters.ts";
import {
  attr,
  type GraphBuilder,
  type GraphValue,
} from "../engine/trace/graph.ts";
import { DType, shapeMessage } from "../engine/trace/messages.ts";
import { trace } from "../engine/trace/trace.ts";
import { keptBytes } from "./half.ts";
import {
  type ExportRequest,
  featureWidth,
  INPUT,
  isInPart,
  layerOf,
  OUTPUT,
} from "./request.ts";

/** A graph with its input and its output. */
export interface FrozenGraph {
  graph: GraphBuilder;
  input: GraphValue;
  output: GraphValue;
}

/** A tensor of weights, as a constant in single or half precision. */
function weightsNode(
  graph: GraphBuilder,
  name: string,
  shape: number[],
  { bytes, half }: { bytes: Uint8Array; half: boolean },
): GraphValue {
  const dtype = half ? DType.half : DType.float;
  const node = graph.node("Const", [], {
    dtype: attr.type(dtype),
    value: {
      tensor: {
        dtype,
        tensorShape: shapeMessage(shape),
        tensorContent: bytes,
      },
    },
  }, half ? `${name}/half` : name);
  if (half) {
    graph.node("Cast", [node], {
      SrcT: attr.type(DType.half),
      DstT: attr.type(DType.float),
    }, name);
  }
  return { name, dtype: DType.float, shape };
}

/**
 * Traces a network.
 *
 * @param request The network, and how to export it. Its input `patches` is
 * `N×side×side×C` floats, normalised; its output `features` is `N×width`: see
 * {@linkcode featureWidth}.
 */
export function traceFrozen(request: ExportRequest): FrozenGraph {
  const { model, state, part, precision, batch, patchSize } = request;
  const rows = batch ?? -1;
  let input: GraphValue | undefined;
  const output: GraphValue = {
    name: OUTPUT,
    dtype: DType.float,
    shape: [rows, featureWidth(request)],
  };
  const graph = trace({ precision: "fp32" }, (graph, backend) => {
    const shape = [batch ?? 1, patchSize, patchSize, model.channels];
    input = graph.placeholder(INPUT, DType.float, [rows, ...shape.slice(1)]);
    const tensors = Object.fromEntries(
      tensorSpecs(model).filter(({ name }) => isInPart(name, request))
        .map(({ name, shape }) => {
          const kept = keptBytes(state.get(name)!, shape, precision);
          const weights = weightsNode(graph, name, shape, kept);
          return [name, backend.tensor(weights)];
        }),
    );
    const scope = scopeOf(tensors, false);
    const x = backend.tensor({ ...input, shape });
    const y = encode(scope, x, model, layerOf(part));
    graph.node("Identity", [backend.value(y)], {
      T: attr.type(DType.float),
    }, OUTPUT);
  });
  return { graph, input: input!, output };
}
