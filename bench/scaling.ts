/**
 * `deno task bench:scaling`: two processes of one thread each against one process of
 * two threads on the same cores, and the communication of a step.
 *
 * 2026-11-25, AMD EPYC (Zen 4), 2 cores, loopback, bf16, 100 × 20:
 *
 *     scaling/bf16        106.2 against 105.8 patches/s, ratio 1.003, n 3, spread 4 %
 *     scaling/embeddings  0.010 s, 8.2 MB; scaling/gradients 0.352 s, 137 MB;
 *       scaling/statistics 0.002 s, 0.1 MB: 2.0 % of the step in all
 *
 * @module
 */
import { architecture } from "../src/model/architectures.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { isTrainable, sizeOf } from "../src/model/tensors.ts";
import type { Precision } from "../src/engine/engine.ts";
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { JSON_FLAG, PRECISION_FLAG, REPEAT_FLAG } from "./flags.ts";
import { LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  print,
  round,
  spread,
} from "./measurement.ts";
import type { ReplicaSetting } from "./programs/replica.ts";

const command: Command = {
  usage: "deno task bench:scaling [flags]",
  about: "Times a step in two processes of one thread each against one " +
    "process of two\nthreads, in turn; and what the two send at a step.",
  flags: {
    images: { type: "number", help: "images a step (default 100)" },
    patches: { type: "number", help: "patches an image (default 20)" },
    precision: PRECISION_FLAG,
    repeat: REPEAT_FLAG,
    json: JSON_FLAG,
  },
  examples: ["deno task bench:scaling --json"],
};

const PORT = 24900;

interface Setting {
  images: number;
  patches: number;
  precision: Precision;
  n: number;
}

/** Megabytes of a step's embeddings, gradients and running statistics, each sent once. */
function megabytes({ images, patches }: Setting): number[] {
  const { model } = architecture("resnet18-cifar");
  const specs = tensorSpecs(model);
  const of = (trainable: boolean) =>
    specs.filter((spec) => isTrainable(spec) === trainable)
      .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const numbers = [images * patches * model.embedding, of(true), of(false)];
  return numbers.map((count) => round(4 * count / 1e6));
}

async function measure(setting: Setting): Promise<Measurement[]> {
  const { images, patches, precision, n } = setting;
  const start = (own: Pick<ReplicaSetting, "addresses" | "task" | "threads">) =>
    LineProcess.ours("replica.ts", [
      JSON.stringify({ ...own, images, patches, precision }),
    ]);
  const addresses = [`127.0.0.1:${PORT}`, `127.0.0.1:${PORT + 1}`];
  const one = start({ addresses: [], task: 0, threads: 2 });
  const two = addresses.map((_, task) =>
    start({ addresses, task, threads: 1 })
  );
  try {
    await Promise.all([one, ...two].map((program) => program.line()));
    const alone: number[] = [], together: number[] = [];
    for (let i = 0; i <= n; i++) {
      const [own] = await one.ask("step");
      const both = await Promise.all(two.map((program) => program.ask("step")));
      if (i === 0) continue;
      alone.push(own);
      together.push(Math.max(...both.map(([seconds]) => seconds)));
    }
    const sent: number[][] = [];
    for (let i = 0; i <= n; i++) {
      const both = await Promise.all(
        two.map((program) => program.ask("collectives")),
      );
      if (i > 0) {
        sent.push(both[0].map((_, k) => Math.max(...both.map((t) => t[k]))));
      }
    }
    const rate = (seconds: number[]) =>
      round(images * patches / median(seconds));
    const common = { device: deviceName(), n };
    const step = median(together);
    return [
      {
        name: `scaling/${precision}`,
        unit: "patches/s",
        ours: rate(together),
        peer: rate(alone),
        ratio: round(median(alone) / step),
        spread: round(spread(together)),
        setting:
          `${images} × ${patches}, 2 processes of 1 thread against 1 of 2`,
        ...common,
      },
      ...["embeddings", "gradients", "statistics"].map((what, k) => {
        const times = sent.map((row) => row[k]);
        const share = (100 * median(times) / step).toFixed(1);
        return {
          name: `scaling/${what}`,
          unit: "s",
          ours: round(median(times)),
          peer: null,
          ratio: null,
          spread: round(spread(times)),
          setting: `${megabytes(setting)[k]} MB, ${share} % of the step`,
          ...common,
        };
      }),
    ];
  } finally {
    for (const program of [one, ...two]) await program.close();
  }
}

if (import.meta.main) {
  await main(command, async ({ images, patches, precision, repeat, json }) => {
    const measurements = await measure({
      images: (images ?? 100) as number,
      patches: (patches ?? 20) as number,
      precision: (precision ?? "bf16") as Precision,
      n: (repeat ?? 3) as number,
    });
    for (const measurement of measurements) print(measurement, json === true);
  });
}
