/**
 * The network as a TensorFlow graph with its weights in it, traced from the
 * code of `src/model/`.
 *
 * @module
 */
import { encode } from "../model/encoder.ts";
import { scopeOf } from "../model/layers.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { resnet18 } from "../model/resnet.ts";
import {
  attr,
  type GraphBuilder,
  type GraphValue,
} from "../engine/trace/graph.ts";
import { DType } from "../engine/trace/messages.ts";
import { trace } from "../engine/trace/trace.ts";
import { keptBytes } from "./half.ts";
import {
  type ExportRequest,
  featureWidth,
  INPUT,
  isInPart,
  OUTPUT,
} from "./request.ts";

/** TensorFlow's own name of the signature that programs look for. */
const SIGNATURE = "serving_default";

/** A graph with its input and its output. */
export interface FrozenGraph {
  graph: GraphBuilder;
  input: GraphValue;
  output: GraphValue;
}

/**
 * Traces a network.
 *
 * @param request The network, and how it is wanted. Its input `patches` is
 * `N×side×side×3` floats in [−1, 1], its output `features` `N×512` or `N×4096`.
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
  const settings = {
    precision: "fp32",
    freeRows: batch === undefined,
  } as const;
  const graph = trace(settings, (graph, backend) => {
    const shape = [batch ?? 1, patchSize, patchSize, 3];
    input = graph.placeholder(INPUT, DType.float, [rows, ...shape.slice(1)]);
    const tensors = Object.fromEntries(
      tensorSpecs(model).filter(({ name }) => isInPart(name, part))
        .map(({ name, shape }) => {
          const kept = keptBytes(state.get(name)!, shape, precision);
          const weights = graph.weights(name, shape, kept);
          return [name, backend.tensor(weights)];
        }),
    );
    const scope = scopeOf(tensors, false);
    const x = backend.tensor({ ...input, shape });
    const y = part === "backbone"
      ? resnet18(scope, x, model)
      : encode(scope, x, model);
    graph.node("Identity", [backend.value(y)], {
      T: attr.type(DType.float),
    }, OUTPUT);
    graph.signature(SIGNATURE, [input], [output]);
  });
  return { graph, input: input!, output };
}
