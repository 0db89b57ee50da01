/**
 * The training step: rate and memory against PyTorch's; rate against the whole program;
 * the share of convolutions; the time to trace its graph.
 *
 * @module
 */
import { architecture } from "../src/model/architectures.ts";
import { OPTIMIZER } from "../src/model/optimizer.ts";
import { startPair } from "./compare.ts";
import { inTurn, LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  round,
  spread,
  withoutPeer,
} from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import { programSteps } from "./program.ts";
import { describe, programFlags } from "./settings.ts";

const SCRIPTS = { ours: "step.ts", peer: "pytorch_step.py" };

/** The step's rate and memory, against PyTorch's. */
export async function step(options: BenchOptions): Promise<Measurement[]> {
  const { setting: { images, patches }, method } = options;
  const scripts = method ? { ...SCRIPTS, peer: "pytorch_method.py" } : SCRIPTS;
  const more = method ? ["--method", method] : [];
  await using pair = await startPair(options, scripts, more);
  const rate = await pair.ask({
    name: method ? `step/${method}` : "step",
    unit: "patches/s",
    count: images * patches,
  });
  return [rate, pair.memory("memory")];
}

/** Seconds of our step, once for each list of additional flags. */
async function ownSeconds(
  { setting, precision, repeat }: BenchOptions,
  ...more: string[][]
): Promise<number[][]> {
  const flags = [...programFlags(setting), "--precision", precision];
  const programs = more.map((own) =>
    LineProcess.ours(SCRIPTS.ours, [...flags, ...own])
  );
  try {
    for (const program of programs) await program.line();
    const answers = await inTurn(programs, repeat);
    return answers.map((own) => own.map(([seconds]) => seconds));
  } finally {
    for (const program of programs) await program.close();
  }
}

/** The whole program against the step alone. */
export async function program(options: BenchOptions): Promise<Measurement[]> {
  const { setting, precision, repeat } = options;
  const [alone] = await ownSeconds(options, []);
  const whole = await programSteps({ setting, precision, repeat });
  const count = setting.images * setting.patches;
  return [{
    name: `program/${precision}`,
    unit: "patches/s",
    ours: round(count / median(whole)),
    peer: round(count / median(alone)),
    ratio: round(median(alone) / median(whole)),
    device: deviceName(),
    n: repeat,
    spread: round(spread(whole)),
    setting: `${describe(setting)}, the step alone`,
  }];
}

/** The time of the step's convolutions, computed directly, as a share of the step. */
export async function convolution(
  options: BenchOptions,
): Promise<Measurement[]> {
  const { setting, precision } = options;
  const [whole, part] = await ownSeconds(options, [], [
    "--only",
    "convolution",
  ]);
  return [withoutPeer({
    name: `step/convolution-share/${precision}`,
    unit: "of the step",
    ours: round(median(part) / median(whole)),
    repetitions: part,
    setting: describe(setting),
  })];
}

/** The time to trace the step's graph. */
export async function trace(options: BenchOptions): Promise<Measurement[]> {
  const { setting, precision, repeat } = options;
  const { arch, images, patches, size } = setting;
  // Importing the package registers tfjs's gradients.
  await import("../src/deps/tfjs_backends.ts").then((m) => m.importTfjs());
  const { traceWholeStep } = await import("../src/engine/trace/step_graph.ts");
  const seconds: number[] = [];
  for (let i = 0; i <= repeat; i++) {
    const begin = performance.now();
    traceWholeStep({
      model: architecture(arch).model,
      images,
      patches,
      patchSize: size,
      loss: { patchSim: 200, tcr: 1, eps: 0.2 },
      optimizer: OPTIMIZER,
    }, { precision }).graphDef();
    if (i > 0) seconds.push((performance.now() - begin) / 1000);
  }
  return [withoutPeer({
    name: `trace/${precision}`,
    unit: "s",
    ours: round(median(seconds)),
    repetitions: seconds,
    setting: describe(setting),
  })];
}
