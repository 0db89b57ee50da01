/**
 * `deno task bench`: the training step against PyTorch's, side by side in one
 * run, and what else the README's table holds.
 *
 * 2026-11-24, AMD EPYC (Zen 4: AVX-512, bf16 in vectors, no AMX), 2 cores,
 * PyTorch 2.15 on the CPU, 100 × 20 patches of 32 × 32, patches a second:
 *
 *     step/fp32   71.7 against 36.8, ratio 1.95, n 3, spread 10 %
 *     step/fp32   68.4 against 36.7, ratio 1.86, n 2, spread 0 % (--strong)
 *     step/bf16   108.6 against 72.7, ratio 1.49, n 3, spread 5 %
 *     step/bf16   102.5 against 76.0, ratio 1.35, n 2, spread 3 % (--strong)
 *     program/bf16  106.0 against 107.2 of the step alone, 0.99, n 4, spread 12 %
 *     step/convolution-share  1.04 in bf16, n 3, spread 12 %: the convolutions
 *       alone, done directly, take longer than the step with Winograd's
 *     memory/fp32  10.8 against 11.1 GB; memory/bf16  5.9 against 6.7 GB
 *     memory/20-patches 2.31 GB, memory/200-patches 2.33 GB (--micro-batch 4)
 *     trace/bf16  0.08 s, n 5
 *
 * What each change gave at 100 × 20, in patches a second and GB, fp32 and bf16:
 * before, 53.3 and 91.4 (12.7 and 6.8 GB); Winograd's convolutions, 67.2 and 110
 * (18.2 and 9.4, since TensorFlow kept the forward pass's tiles for the backward
 * pass); with the tiles made again, 75.1 and 111 (13.4 and 7.3); one operation at
 * a time and rectified maps made again, 72 and 109 (10.8 and 5.9).
 *
 * Winograd's by map and channels over 2,000 patches, forward, gradient by the
 * input and by the filter in ms, direct and by tiles: fp32 4×4×512 486, 493, 849
 * and 235, 240, 262; 8×8×256 593, 576, 642 and 305, 318, 351; 16×16×128 644, 640,
 * 688 and 530, 477, 493; 32×32×64 666, 670, 782 and 808, 805, 884. bf16 with
 * tiles of 2×2: 4×4×512 253, 255, 683 and 199, 203, 253; 8×8×256 289, 288, 799
 * and 265, 289, 357; 16×16×128 312, 311, 545 and 425, 431, 484.
 *
 * 2026-11-25, the same machine: TensorFlow through a compiled addon before, by
 * Deno's FFI after, the two in turn, n 6: bf16 at 100 × 20, 108.2 and 108.0
 * patches/s (0.998, spread 3 and 2 %), 5.91 and 5.71 GB; fp32 at 50 × 20, 77.3 and
 * 77.1 (0.997, spread 4 and 5 %), 6.15 and 6.09 GB.
 *
 * Tried without gain in bf16: huge pages (glibc.malloc.hugetlb=1, which
 * TensorFlow's allocations did not get), TensorFlow's own CPU arena
 * (TF_CPU_ALLOCATOR_USE_BFC), the weight gradient ordered before the input's.
 * Explicit padding saves 0.3 MB a patch and leaves oneDNN: 22 patches/s for 92.
 *
 * @module
 */
import type { Precision } from "../src/engine/engine.ts";
import { architecture } from "../src/model/architectures.ts";
import { OPTIMIZER } from "../src/model/lars.ts";
import { JSON_FLAG } from "./flags.ts";
import type { Command, Values } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import {
  deviceName,
  type Measurement,
  median,
  print,
  round,
  spread,
} from "./measurement.ts";
import { programSteps } from "./program.ts";
import { inTurn, LineProcess } from "./line_process.ts";

const PARTS = ["step", "program", "convolution", "memory", "trace"] as const;

const command: Command = {
  usage: "deno task bench [flags]",
  about: "Times the training step against PyTorch's, the two in turn; the " +
    "whole program\nagainst the step; the step's convolutions alone; the " +
    "memory; the tracing.",
  flags: {
    only: { type: "text", choices: PARTS, help: "one part (default: all)" },
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with torch and torchvision (default: no peer)",
    },
    strong: {
      type: "switch",
      help: "let PyTorch use our b×b determinant and torch.compile",
    },
    precision: {
      type: "text",
      choices: ["fp32", "bf16", "both"],
      help: "default both",
    },
    images: { type: "number", help: "images a step (default 100)" },
    patches: { type: "number", help: "patches an image (default 20)" },
    "micro-batch": { type: "number", help: "memory: patches at a time" },
    repeat: { type: "number", help: "steps of each (default 3)" },
    json: JSON_FLAG,
  },
  examples: [
    "deno task bench --python .venv/bin/python",
    "deno task bench --only memory --patches 200 --micro-batch 4",
  ],
};

interface Setting {
  precision: Precision;
  images: number;
  patches: number;
  repeat: number;
  microBatch?: number;
  python?: string;
  strong: boolean;
  json: boolean;
}

const sizeOf = ({ images, patches }: Setting) => `${images} × ${patches}`;

function flagsOf({ precision, images, patches }: Setting): string[] {
  return [
    ...["--precision", precision, "--images", `${images}`],
    ...["--patches", `${patches}`],
  ];
}

/** Programs answer with the seconds of a step and their peak memory in kB. */
function secondsOf(answers: number[][]): number[] {
  return answers.map(([seconds]) => seconds);
}

function gigabytesOf(answers: number[][]): number {
  return answers.at(-1)![1] * 1024 / 1e9;
}

/** The step's rate and memory, against PyTorch's. */
async function step(setting: Setting): Promise<Measurement[]> {
  const { precision, images, patches, repeat, python, strong } = setting;
  const own = LineProcess.ours("step.ts", flagsOf(setting));
  const peer = python === undefined
    ? undefined
    : LineProcess.peer(python, "pytorch_step.py", [
      ...flagsOf(setting),
      ...(strong ? ["--tcr", "gram", "--compile"] : []),
    ]);
  try {
    await own.line();
    const against = peer === undefined
      ? "no peer"
      : await peer.line() + (strong ? ", gram, compiled" : "");
    const [ownAnswers, peerAnswers] = await inTurn([own, peer], repeat);
    const ours = secondsOf(ownAnswers), theirs = secondsOf(peerAnswers);
    const count = images * patches;
    const memory = gigabytesOf(ownAnswers);
    const peerMemory = peer ? gigabytesOf(peerAnswers) : undefined;
    const shared = {
      device: deviceName(),
      n: repeat,
      setting: `${sizeOf(setting)}, ${against}`,
    };
    return [{
      name: `step/${precision}`,
      unit: "patches/s",
      ours: round(count / median(ours)),
      peer: peer ? round(count / median(theirs)) : null,
      ratio: peer ? round(median(theirs) / median(ours)) : null,
      spread: round(spread(ours)),
      ...shared,
    }, {
      name: `memory/${precision}`,
      unit: "GB",
      ours: round(memory),
      peer: peerMemory === undefined ? null : round(peerMemory),
      ratio: peerMemory === undefined ? null : round(peerMemory / memory),
      spread: 0,
      ...shared,
      n: 1,
    }];
  } finally {
    await own.close();
    await peer?.close();
  }
}

/** The whole program against the step alone. */
async function program(setting: Setting): Promise<Measurement[]> {
  const { precision, images, patches, repeat } = setting;
  const own = LineProcess.ours("step.ts", flagsOf(setting));
  let alone: number[];
  try {
    await own.line();
    alone = secondsOf((await inTurn([own], repeat))[0]);
  } finally {
    await own.close();
  }
  const whole = await programSteps({ precision, images, patches, repeat });
  const count = images * patches;
  return [{
    name: `program/${precision}`,
    unit: "patches/s",
    ours: round(count / median(whole)),
    peer: round(count / median(alone)),
    ratio: round(median(alone) / median(whole)),
    device: deviceName(),
    n: repeat,
    spread: round(spread(whole)),
    setting: `${sizeOf(setting)}, the step alone`,
  }];
}

/** How much of the step is convolution. */
async function convolution(setting: Setting): Promise<Measurement[]> {
  const { repeat, precision } = setting;
  const own = LineProcess.ours("step.ts", flagsOf(setting));
  const only = LineProcess.ours("step.ts", [
    ...flagsOf(setting),
    "--only",
    "convolution",
  ]);
  try {
    await own.line();
    await only.line();
    const [whole, part] = (await inTurn([own, only], repeat)).map(secondsOf);
    return [{
      name: "step/convolution-share",
      unit: "of the step",
      ours: round(median(part) / median(whole)),
      peer: null,
      ratio: null,
      device: deviceName(),
      n: repeat,
      spread: round(spread(part)),
      setting: `${sizeOf(setting)}, ${precision}`,
    }];
  } finally {
    await own.close();
    await only.close();
  }
}

/** The most memory of one step, split into micro-batches. */
async function memory(setting: Setting): Promise<Measurement[]> {
  const { microBatch, precision } = setting;
  const own = LineProcess.ours("step.ts", [
    ...flagsOf(setting),
    ...(microBatch ? ["--micro-batch", `${microBatch}`] : []),
  ]);
  try {
    await own.line();
    const answer = await own.ask();
    return [{
      name: `memory/${setting.patches}-patches`,
      unit: "GB",
      ours: round(gigabytesOf([answer])),
      peer: null,
      ratio: null,
      device: deviceName(),
      n: 1,
      spread: 0,
      setting: `${sizeOf(setting)}, ${precision}, micro-batch ${
        microBatch ?? "none"
      }`,
    }];
  } finally {
    await own.close();
  }
}

/** How long tracing takes. */
async function trace(setting: Setting): Promise<Measurement[]> {
  const { precision, images, patches, repeat } = setting;
  // tfjs's gradients are registered with the package.
  await import("../src/deps/tfjs_backends.ts").then((m) => m.importTfjs());
  const { traceTrainer } = await import("../src/engine/trace/step_graph.ts");
  const { model } = architecture("resnet18-cifar");
  const seconds: number[] = [];
  for (let i = 0; i <= repeat; i++) {
    const begin = performance.now();
    traceTrainer({
      model,
      images,
      patches,
      patchSize: 32,
      loss: { patchSim: 200, tcr: 1, eps: 0.2 },
      optimizer: OPTIMIZER,
    }, { precision }).graphDef();
    if (i > 0) seconds.push((performance.now() - begin) / 1000);
  }
  return [{
    name: `trace/${precision}`,
    unit: "s",
    ours: round(median(seconds)),
    peer: null,
    ratio: null,
    device: deviceName(),
    n: repeat,
    spread: round(spread(seconds)),
    setting: sizeOf(setting),
  }];
}

const MEASURES = { step, program, convolution, memory, trace };

function settingsOf(values: Values): Setting[] {
  const chosen = values.precision ?? "both";
  const precisions = chosen === "both" ? ["fp32", "bf16"] : [chosen];
  return precisions.map((precision) => ({
    precision: precision as Precision,
    images: (values.images ?? 100) as number,
    patches: (values.patches ?? 20) as number,
    repeat: (values.repeat ?? 3) as number,
    microBatch: values["micro-batch"] as number | undefined,
    python: values.python as string | undefined,
    strong: values.strong === true,
    json: values.json === true,
  }));
}

if (import.meta.main) {
  await main(command, async (values) => {
    for (const part of PARTS) {
      if (values.only !== undefined && values.only !== part) continue;
      for (const setting of settingsOf(values)) {
        const measurements = await MEASURES[part](setting);
        for (const m of measurements) print(m, setting.json);
      }
    }
  });
}
