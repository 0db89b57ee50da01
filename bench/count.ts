/**
 * `deno task bench:count`: operations and memory traffic of a step, counted from the
 * network, and the time that an H100 would need for them at the rates of its data
 * sheet: a model, not a measurement.
 *
 * @module
 */
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { architecture } from "../src/model/architectures.ts";
import {
  backboneWidth,
  blocksOf,
  type ConvSpec,
  stemOf,
} from "../src/model/blocks.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { isTrainable, sizeOf } from "../src/model/tensors.ts";
import { describe, type Setting, SETTINGS } from "./settings.ts";

const command: Command = {
  usage: "deno task bench:count",
  about: "Counts operations and bytes of a step in bf16 at the paper's " +
    "settings, and gives\nthe time that an H100 would need by its data sheet.",
  flags: {},
  examples: ["deno task bench:count"],
};

/** H100 SXM: dense bf16 FLOP/s, bytes/s; the share of the peak for convolutions. */
const H100 = { flops: 989e12, bytes: 3.35e12, convolutions: 0.5 };
/** Bytes of a bf16 number, and of a parameter or momentum in fp32. */
const BF16 = 2, FP32 = 4;

/** How many maps are read or written: forward, and backward. */
const PASSES = {
  // Forward: x for the statistics, then x and y. Backward: dy and x for the sums, then
  // dy, x and dx.
  "batch norm": [3, 5],
  ReLU: [2, 3],
  addition: [3, 2],
} as const;

/** FLOP of convolutions and dense layers, and the bytes that other layers move. */
interface Count {
  flops: number;
  moved: Record<keyof typeof PASSES, number>;
}

function countOf({ arch, images, patches, size }: Setting): Count {
  const { model } = architecture(arch), rows = images * patches;
  let side = size, flops = 0;
  const moved = { "batch norm": 0, ReLU: 0, addition: 0 };
  const conv = (
    { side: filter, input, output, stride }: ConvSpec,
    at: number,
  ) => {
    const out = Math.ceil(at / stride), map = out * out * output;
    // Forward pass, input gradient and filter gradient.
    flops += 3 * 2 * filter * filter * input * map;
    moved["batch norm"] += map;
    return { out, map };
  };
  const stem = conv(stemOf(model), side);
  moved.ReLU += stem.map;
  side = model.stem === "imagenet" ? Math.ceil(stem.out / 2) : stem.out;
  for (const { convs, shortcut } of blocksOf(model)) {
    if (shortcut) conv(shortcut, side);
    for (const spec of convs) {
      const { out, map } = conv(spec, side);
      side = out;
      moved.ReLU += map;
      if (spec === convs.at(-1)) moved.addition += map;
    }
  }
  const { hidden, embedding } = model;
  const dense = backboneWidth(model) * hidden + hidden * hidden +
    hidden * embedding;
  flops += 3 * 2 * dense;
  for (const name of Object.keys(moved) as (keyof typeof PASSES)[]) {
    const [forward, backward] = PASSES[name];
    moved[name] *= rows * BF16 * (forward + backward);
  }
  return { flops: flops * rows, moved };
}

if (import.meta.main) {
  await main(command, () => {
    for (const setting of SETTINGS) {
      const { flops, moved } = countOf(setting);
      const parameters = tensorSpecs(architecture(setting.arch).model)
        .filter(isTrainable)
        .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
      // LARS's norms read parameter and gradient; the update reads both and the momentum,
      // and writes parameter and momentum.
      const optimizer = parameters * FP32 * (2 + 5);
      const products = flops / (H100.flops * H100.convolutions);
      const between = Object.entries(moved)
        .map(([name, bytes]) => [name, bytes / H100.bytes] as const);
      const rest = between.reduce((sum, [, time]) => sum + time, 0);
      const update = optimizer / H100.bytes;
      const ms = (seconds: number) => `${(1000 * seconds).toFixed(1)} ms`;
      const rows = setting.images * setting.patches;
      const whole = products + rest + update;
      console.log(
        `${describe(setting)}: ${(flops / 1e12).toFixed(2)} TFLOP, ` +
          `${ms(products)} at ${100 * H100.convolutions} % of the peak; ` +
          between.map(([name, time]) => `${name} ${ms(time)}`).join(", ") +
          `; LARS ${ms(update)}; in all ${ms(whole)}, ` +
          `${Math.round(rows / whole)} patches/s; without what XLA fuses ` +
          `${ms(products + update + rest / 3)}`,
      );
    }
    return Promise.resolve();
  });
}
