/**
 * The time of a training step by kind of kernel, from TensorFlow's own trace.
 *
 * @module
 */
import type { KernelTime } from "./run_trace.ts";
import { LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  round,
  spread,
} from "./measurement.ts";
import { describe, programFlags, type Setting } from "./settings.ts";

/** Kinds below this share of a step are summed as `others`. */
const LEAST_SHARE = 0.005;

/** Warm-up steps before the traced ones. */
const WARM = 2;

/** Seconds of each operation's kernels, for each of several steps. */
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
  /** XLA: on a CPU, what it compiles appears as a single kernel. */
  xla?: "on" | "off";
  method?: string;
  microBatch?: number;
  /** Steps that are traced. */
  repeat: number;
}

/**
 * Milliseconds of each kind of kernel in a step, and its share of all kernels. A traced
 * step takes slightly longer than an untraced one.
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
