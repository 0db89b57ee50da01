/**
 * What a training step spends its time in: each kind of kernel, by TensorFlow's own
 * trace.
 *
 * @module
 */
import type { KernelTime } from "../src/engine/tensorflow/run_trace.ts";
import { LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  round,
  spread,
} from "./measurement.ts";
import { describe, programFlags, type Setting } from "./settings.ts";

/** A kind that takes less than this of a step is counted with the others. */
const LEAST_SHARE = 0.005;

/** Steps before those that are traced. */
const WARM = 2;

/** Kernels of several steps, by their operation. */
function byOperation(steps: KernelTime[][]): Map<string, number[]> {
  const kinds = new Map<string, number[]>();
  steps.forEach((kernels, step) => {
    for (const { op, seconds } of kernels) {
      if (!kinds.has(op)) kinds.set(op, steps.map(() => 0));
      kinds.get(op)![step]! += seconds;
    }
  });
  return kinds;
}

/** One kind of step. */
export interface KernelOptions {
  setting: Setting;
  precision: string;
  /** XLA: what it compiles is one kernel by name on a processor. */
  xla?: "on" | "off";
  method?: string;
  microBatch?: number;
  /** Steps that are traced. */
  repeat: number;
}

/**
 * Milliseconds of each kind of kernel in a step, and its share of them all. A traced
 * step takes a little longer than another.
 */
export async function kernelTable(
  options: KernelOptions,
): Promise<Measurement[]> {
  const { setting, precision, xla, method, microBatch, repeat } = options;
  const program = LineProcess.ours("step.ts", [
    ...programFlags(setting),
    ...["--precision", precision, "--kernels"],
    ...(xla ? ["--xla", xla] : []),
    ...(method ? ["--method", method] : []),
    ...(microBatch ? ["--micro-batch", `${microBatch}`] : []),
  ]);
  const steps: KernelTime[][] = [];
  try {
    const name = await program.line();
    for (let i = 0; i < WARM + repeat; i++) {
      const kernels = JSON.parse(await program.tell());
      if (i >= WARM) steps.push(kernels);
    }
    const kinds = byOperation(steps);
    const total = [...kinds.values()].reduce((sum, t) => sum + median(t), 0);
    const isSmall = (times: number[]) => median(times) < LEAST_SHARE * total;
    const others = steps.map((_, step) =>
      [...kinds.values()].filter(isSmall)
        .reduce((sum, times) => sum + times[step]!, 0)
    );
    const shown = [...kinds].filter(([, times]) => !isSmall(times))
      .toSorted(([, a], [, b]) => median(b) - median(a));
    const suffix = xla === "on" ? "+xla" : "";
    return [...shown, ["others", others] as const].map(([op, times]) => ({
      name: `kernels/${precision}${suffix}/${op}`,
      unit: `ms, ${round(100 * median(times) / total)} % of the step's kernels`,
      ours: round(1000 * median(times)),
      peer: null,
      ratio: null,
      device: deviceName(),
      setting: `${describe(setting)}, ${name}`,
      n: repeat,
      spread: round(spread(times)),
    }));
  } finally {
    await program.close();
  }
}
