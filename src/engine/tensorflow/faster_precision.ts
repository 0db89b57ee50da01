/**
 * Which number format a device computes faster in. The processor's flags do not
 * tell: of two with the same vector instructions for bfloat16 one took 0.6 of
 * the time of fp32 and the other 1.6 times as long.
 *
 * @module
 */
import type { Precision } from "../engine.ts";
import { attr, GraphBuilder, type GraphValue } from "../trace/graph.ts";
import { DType } from "../trace/messages.ts";
import type { TensorFlowC } from "./c_api.ts";
import { GraphSession, type SessionTarget } from "./graph_session.ts";

/** A convolution as ResNet-18 has them: about 1.2 GFLOP. */
const SHAPE = [64, 16, 16, 64], FILTER = [3, 3, 64, 64];
const RUNS = 5;
/** bf16 costs precision: it is used where it takes less than this of the time. */
const MAX_TIME_RATIO = 0.85;

/** One convolution and its weight gradient in each format. */
function buildGraph(): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const feed = graph.placeholder("x", DType.float, SHAPE);
  const filter = graph.fill(FILTER, 0.01);
  for (const dtype of [DType.float, DType.bfloat16]) {
    const T = attr.type(dtype);
    const attributes = {
      T,
      strides: attr.ints([1, 1, 1, 1]),
      padding: attr.text("SAME"),
      data_format: attr.text("NHWC"),
    };
    const x = graph.cast(feed, dtype);
    const y: GraphValue = {
      name: graph.node("Conv2D", [x, graph.cast(filter, dtype)], attributes),
      dtype,
      shape: SHAPE,
    };
    const gradient: GraphValue = {
      name: graph.node(
        "Conv2DBackpropFilter",
        [x, graph.ints(FILTER), y],
        attributes,
      ),
      dtype,
      shape: FILTER,
    };
    const out = graph.cast(gradient, DType.float);
    const name = dtype === DType.float ? "fp32" : "bf16";
    graph.node("L2Loss", [out], { T: attr.type(DType.float) }, name);
  }
  return graph.graphDef();
}

/** Times both formats, for some hundredths of a second. */
export async function fasterPrecision(
  c: TensorFlowC,
  target: SessionTarget,
): Promise<Precision> {
  using session = GraphSession.load(c, buildGraph(), target);
  const size = SHAPE.reduce((a, b) => a * b);
  const values = new Float32Array(size).fill(0.5);
  const best = { fp32: Infinity, bf16: Infinity };
  try {
    for (let run = 0; run <= RUNS; run++) {
      for (const precision of ["fp32", "bf16"] as const) {
        const begin = performance.now();
        await session.run([{ name: "x", shape: SHAPE, values }], [precision]);
        const taken = performance.now() - begin;
        if (run > 0) best[precision] = Math.min(best[precision], taken);
      }
    }
  } catch {
    // Some processors have no kernel for a convolution in bf16.
    return "fp32";
  }
  return best.bf16 < MAX_TIME_RATIO * best.fp32 ? "bf16" : "fp32";
}
