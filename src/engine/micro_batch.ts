/**
 * How many patches fit on the device at a time.
 *
 * @module
 */
import type { ModelConfig } from "../model/architectures.ts";
import { blocksOf } from "../model/blocks.ts";
import { containerMemory } from "./cgroup.ts";
import type { TrainerOptions } from "./engine.ts";

/**
 * Bytes of activations that a training step keeps for one patch in fp32, at the
 * stem's own patch size: measured for CIFAR's (4.8 MB over 2,000 patches),
 * estimated for ImageNet's.
 */
const BYTES: Record<ModelConfig["stem"], { bytes: number; side: number }> = {
  cifar: { bytes: 5e6, side: 32 },
  imagenet: { bytes: 28e6, side: 224 },
};
/** In bf16 it is a little more than half: 2.4 MB where fp32 takes 4.8. */
const PRECISION: Record<string, number> = { bf16: 0.52 };
/** Share of the free memory that the step may take. */
const SHARE = 0.7;
/** Weights, momentum, gradients and the library itself. */
const FIXED_BYTES = 1.3e9;

/** Numbers that the convolutions of a ResNet give, in maps of the stem's area. */
function activations(model: ModelConfig): number {
  let area = 1, sum = model.width;
  for (const { convs } of blocksOf(model)) {
    for (const { output, stride } of convs) {
      area /= stride ** 2;
      sum += output * area;
    }
  }
  return sum;
}

/** As often as the ResNet-18 that was measured. */
function times(model: ModelConfig): number {
  const measured = { ...model, depth: 18, width: 64 } as const;
  return activations(model) / activations(measured);
}

/** Bytes that a step over so many patches takes. */
export function stepBytes(
  { model, patchSize }: Pick<TrainerOptions, "model" | "patchSize">,
  rows: number,
  precision = "fp32",
): number {
  const { bytes, side } = BYTES[model.stem];
  const each = bytes * times(model) * (PRECISION[precision] ?? 1);
  return FIXED_BYTES + rows * each * (patchSize / side) ** 2;
}

/**
 * The largest micro-batch that fits.
 *
 * @param options The model and the batch.
 * @param freeBytes Free memory of the device.
 * @param precision Number format of the activations.
 * @returns Patches of each image at a time, a divisor of all; `undefined` where
 * the whole batch fits.
 *
 * @example Ten thousand patches do not fit into 8 GB
 * ```ts
 * import { architecture } from "../model/architectures.ts";
 * import { chooseMicroBatch } from "./micro_batch.ts";
 *
 * const { model } = architecture("resnet18-cifar");
 * const options = { model, images: 100, patches: 100, patchSize: 32 };
 * console.assert(chooseMicroBatch(options, 8e9) === 5);
 * ```
 */
export function chooseMicroBatch(
  options: Pick<
    TrainerOptions,
    "model" | "images" | "patches" | "patchSize"
  >,
  freeBytes: number,
  precision = "fp32",
): number | undefined {
  const { images, patches } = options;
  const fits = (n: number) =>
    stepBytes(options, n * images, precision) <= SHARE * freeBytes;
  if (fits(patches)) return undefined;
  for (let n = patches - 1; n > 1; n--) {
    if (patches % n === 0 && fits(n)) return n;
  }
  return 1;
}

/**
 * Memory that the system could give to a process now, or its container where that
 * leaves less.
 */
export function availableMemory(): number {
  return Math.min(
    Deno.systemMemoryInfo().available,
    containerMemory() ?? Infinity,
  );
}
