/** Winograd's convolutions against TensorFlow's own. */
import { assert, assertEquals } from "@std/assert";
import {
  attr,
  GraphBuilder,
  type GraphValue,
} from "../../src/engine/trace/graph.ts";
import { DType } from "../../src/engine/trace/messages.ts";
import { Winograd, winogradTile } from "../../src/engine/trace/winograd.ts";
import { hashed } from "../formula.ts";
import { useTensorFlow } from "./engine.ts";

const { ignore, reason, engine } = await useTensorFlow("fp32");
const N = 3, C = 8, K = 5;
const { float, bfloat16 } = DType;

/** A graph of the three passes, directly and by tiles; how far they differ. */
async function differences(
  side: number,
  m: 2 | 4,
  dtype: typeof float | typeof bfloat16,
): Promise<number[]> {
  const graph = new GraphBuilder();
  const x = graph.placeholder("x", float, [N, side, side, C]);
  const filter = graph.placeholder("filter", float, [3, 3, C, K]);
  const dy = graph.placeholder("dy", float, [N, side, side, K]);
  const own = {
    strides: attr.ints([1, 1, 1, 1]),
    padding: attr.text("SAME"),
    data_format: attr.text("NHWC"),
  };
  const tiles = new Winograd(graph, m, side, dtype);
  const pairs: [GraphValue, GraphValue][] = [
    [
      graph.value("Conv2D", [x, filter], dy.shape, own),
      tiles.forward(x, filter),
    ],
    [
      graph.value(
        "Conv2DBackpropInput",
        [
          graph.ints(x.shape),
          filter,
          dy,
        ],
        x.shape,
        { ...own, T: attr.type(float) },
        float,
      ),
      tiles.inputGradient(dy, filter),
    ],
    [
      graph.value(
        "Conv2DBackpropFilter",
        [
          x,
          graph.ints(filter.shape),
          dy,
        ],
        filter.shape,
        own,
      ),
      tiles.filterGradient(x, dy),
    ],
  ];
  const names = pairs.map(([direct, fast], i) => {
    assertEquals(fast.shape, direct.shape);
    const values = { direct, fast: graph.cast(fast, float) };
    return Object.entries(values).map(([kind, value]) => {
      const name = `${kind}/${i}`;
      graph.node("Identity", [value], { T: attr.type(float) }, name);
      return { name, dtype: float, shape: value.shape };
    });
  });
  using session = engine!.session(graph.graphDef());
  const feeds = [x, filter, dy].map(({ name, shape }, seed) => ({
    name,
    shape,
    values: hashed(shape.reduce((a, b) => a * b), seed, 1),
  }));
  const distances: number[] = [];
  for (const pair of names) {
    const [direct, fast] = await session.run(feeds, pair.map((v) => v.name));
    const size = Math.hypot(...direct);
    distances.push(Math.hypot(...direct.map((v, i) => v - fast[i])) / size);
  }
  return distances;
}

for (const m of [2, 4] as const) {
  for (const side of [2, 4, 7, 8, 14, 16]) {
    Deno.test({
      name: `tiles of ${m}×${m} convolve maps of ${side}×${side} as ` +
        `TensorFlow does${reason}`,
      ignore,
      async fn() {
        for (const found of await differences(side, m, float)) {
          assert(found < 1e-5, `${found}`);
        }
      },
    });
  }
}

Deno.test({
  name: `tiles of 2×2 err by under 1 % in bfloat16${reason}`,
  ignore,
  async fn() {
    for (const found of await differences(8, 2, bfloat16)) {
      assert(found < 0.01 && found > 1e-4, `${found}`);
    }
  },
});

Deno.test("large maps and few channels are convolved directly", () => {
  const tile = (dtype: number, side: number, channels: number) =>
    winogradTile(dtype, "forward", { side, channels });
  assertEquals(tile(float, 32, 64), undefined);
  assertEquals(tile(float, 8, 256), 4);
  assertEquals(tile(bfloat16, 8, 256), undefined);
  assertEquals(tile(bfloat16, 4, 512), 2);
});
