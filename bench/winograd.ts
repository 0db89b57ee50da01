/**
 * `deno task bench:winograd`: the three passes of each kind of 3×3 convolution of a
 * setting, by TensorFlow's direct convolution and by Winograd tiles. The thresholds in
 * src/engine/trace/winograd.ts come from this bench.
 *
 * Tried: splitting the 2,000 maps into parts of 500 to 31, so that tiles stay in the
 * caches (2 cores of an AMD EPYC, Zen 5, n 3; ms of the three passes). bf16 8×8×256:
 * 137, 131 and 148 undivided; 144, 147 and 164 in parts of 125 (direct 143, 144, 259).
 * fp32 by tiles of 4×4: 16×16×128 324, 319 and 331 undivided; 293, 269 and 286 in parts
 * (direct 295, 300, 312). 32×32×64 573, 585 and 627; 462, 559 and 501 (327, 324, 311).
 * 8×8×256 182, 176 and 213; 186, 180 and 195. Memory is not the limit: two thirds of
 * the 137 ms in bf16 are the matrix products, at 1.1 TFLOP/s as in a direct convolution.
 * Direct convolutions for 16×16×128 in fp32, as these times suggest: on 2 cores of a Zen 4
 * a whole step of 50 × 6 patches of 32 px then took 4.30 s at best and 4.46 in the median,
 * with tiles 3.93 and 4.37 (two programs in turn, n 7). The tiles stay.
 *
 * @module
 */
import { loadTensorFlow } from "../src/engine/tensorflow/load.ts";
import type { GraphEngine } from "../src/engine/tensorflow/graph_engine.ts";
import type { Precision } from "../src/engine/engine.ts";
import {
  attr,
  GraphBuilder,
  type GraphValue,
} from "../src/engine/trace/graph.ts";
import { DType } from "../src/engine/trace/messages.ts";
import { type Pass, Winograd } from "../src/engine/trace/winograd.ts";
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { JSON_FLAG, PRECISION_FLAG, REPEAT_FLAG } from "./flags.ts";
import {
  deviceName,
  type Measurement,
  median,
  print,
  round,
  spread,
} from "./measurement.ts";
import { HeldValues } from "./programs/held_values.ts";
import { type Setting, SETTINGS } from "./settings.ts";

const command: Command = {
  usage: "deno task bench:winograd [flags]",
  about: "Times the 3×3 convolutions of a setting, by TensorFlow and by tiles.",
  flags: {
    setting: {
      type: "text",
      choices: SETTINGS.map(({ name }) => name),
      help: "one of the paper's settings (default: all)",
    },
    precision: PRECISION_FLAG,
    repeat: REPEAT_FLAG,
    json: JSON_FLAG,
  },
  examples: ["deno task bench:winograd --setting imagenet"],
};

const PASSES: Pass[] = ["forward", "inputGradient", "filterGradient"];

interface Case {
  /** Patches in a step. */
  rows: number;
  /** Side of the map. */
  side: number;
  channels: number;
  precision: Precision;
}

/** The 3×3 convolutions of stride 1 in the four stages of ResNet-18. */
function casesOf(setting: Setting, precision: Precision): Case[] {
  const { arch, images, patches, size } = setting;
  const first = arch === "resnet18-cifar" ? size : size / 4;
  return [0, 1, 2, 3].map((stage) => ({
    rows: images * patches,
    side: Math.max(1, first >> stage),
    channels: 64 << stage,
    precision,
  }));
}

/** A session with a node for each pass, direct and by tiles: `forward/0`, `forward/4`. */
async function graphOf(
  engine: GraphEngine,
  { rows, side, channels, precision }: Case,
  ways: (2 | 4 | undefined)[],
) {
  const graph = new GraphBuilder();
  const dtype = precision === "bf16" ? DType.bfloat16 : DType.float;
  const T = attr.type(dtype), values = new HeldValues(graph);
  const held = (name: string, shape: number[], type = dtype) =>
    values.hold(name, { shape, dtype: type, value: 0.1 });
  const map = [rows, side, side, channels], taps = [3, 3, channels, channels];
  const x = held("x", map), dy = held("dy", map);
  const filter = held("filter", taps, DType.float);
  const own = {
    T,
    strides: attr.ints([1, 1, 1, 1]),
    padding: attr.text("SAME"),
    data_format: attr.text("NHWC"),
  };
  const direct = (pass: Pass): GraphValue => {
    const cast = graph.cast(filter, dtype);
    if (pass === "forward") return graph.value("Conv2D", [x, cast], map, own);
    const [op, inputs, shape] = pass === "inputGradient"
      ? ["Conv2DBackpropInput", [graph.ints(map), cast, dy], map] as const
      : ["Conv2DBackpropFilter", [x, graph.ints(taps), dy], taps] as const;
    return { name: graph.node(op, [...inputs], own), dtype, shape: [...shape] };
  };
  const byTiles = (pass: Pass, m: 2 | 4): GraphValue => {
    const tiles = new Winograd({ graph }, m, side, dtype);
    return pass === "filterGradient"
      ? tiles.filterGradient(x, dy)
      : tiles[pass](pass === "forward" ? x : dy, filter);
  };
  for (const pass of PASSES) {
    for (const m of ways) {
      const y = m === undefined ? direct(pass) : byTiles(pass, m);
      // Only the first number is fetched, so that little is copied out.
      const corner = graph.slice(y, [0, 0, 0, 0], [1, 1, 1, 1]);
      graph.node(
        "Identity",
        [graph.cast(corner, DType.float)],
        { T: attr.type(DType.float) },
        `${pass}/${m ?? 0}`,
      );
    }
  }
  values.finish("filled");
  const session = engine.session(graph.graphDef());
  await session.run([], ["filled"]);
  return session;
}

async function measure(
  engine: GraphEngine,
  own: Case,
  repeat: number,
): Promise<Measurement[]> {
  const { rows, side, channels, precision } = own;
  const tiles: (2 | 4)[] = precision === "bf16" ? [2] : [2, 4];
  const ways = [undefined, ...tiles];
  using session = await graphOf(engine, own, ways);
  const times = new Map<string, number[]>();
  for (let i = 0; i <= repeat; i++) {
    for (const pass of PASSES) {
      for (const m of ways) {
        const name = `${pass}/${m ?? 0}`;
        const begin = performance.now();
        await session.run([], [name]);
        if (i === 0) continue;
        times.set(name, [
          ...times.get(name) ?? [],
          performance.now() - begin,
        ]);
      }
    }
  }
  return PASSES.flatMap((pass) =>
    tiles.map((m) => {
      const direct = median(times.get(`${pass}/0`)!);
      const fast = times.get(`${pass}/${m}`)!;
      return {
        name: `${side}×${side}×${channels}/${pass}/${m}`,
        unit: "ms",
        ours: round(median(fast)),
        peer: round(direct),
        ratio: round(direct / median(fast)),
        device: deviceName(),
        n: repeat,
        spread: round(spread(fast)),
        setting: `${rows} maps, ${precision}, against TensorFlow's own`,
      };
    })
  );
}

if (import.meta.main) {
  await main(command, async (values) => {
    const precision = (values.precision ?? "bf16") as Precision;
    const engine = await loadTensorFlow(precision);
    for (const setting of SETTINGS) {
      if ((values.setting ?? setting.name) !== setting.name) continue;
      for (const own of casesOf(setting, precision)) {
        const repeat = (values.repeat ?? 5) as number;
        for (const found of await measure(engine, own, repeat)) {
          print(found, values.json === true);
        }
      }
    }
  });
}
