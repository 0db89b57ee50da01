/**
 * How many patches fit on the device at a time.
 *
 * @module
 */
import type { ModelConfig } from "../model/architectures.ts";
import { blocksOf, stemOf } from "../model/blocks.ts";
import { containerMemory } from "./cgroup.ts";
import type { TrainerOptions } from "./engine.ts";

/**
 * Bytes of activations that a training step stores for one patch in fp32, at the
 * patch size that the stem is made for: measured for the CIFAR stem (4.8 MB over
 * 2,000 patches), estimated for the ImageNet stem.
 */
const BYTES: Record<ModelConfig["stem"], { bytes: number; side: number }> = {
  cifar: { bytes: 5e6, side: 32 },
  imagenet: { bytes: 28e6, side: 224 },
};
/** Factor in bf16, a little more than half: 2.4 MB instead of 4.8 MB in fp32. */
const PRECISION: Record<string, number> = { bf16: 0.52 };
/** Kernels of TensorFlow and cuDNN count the numbers of a tensor in 31 bits. */
const MOST_NUMBERS = 2 ** 31;
/** Share of the free memory that the step may take. */
const SHARE = 0.7;
/** Bytes of weights, momentum, gradients and the library itself. */
const FIXED_BYTES = 1.3e9;

/** Of each convolution the output channels, and its map's side as a share of the first. */
function mapsOf(model: ModelConfig): { channels: number; share: number }[] {
  let share = 1;
  return blocksOf(model).flatMap(({ convs }) =>
    convs.map(({ output, stride }) => ({
      channels: output,
      share: share /= stride,
    }))
  );
}

/** Sum of a ResNet's output channels, weighted by map area relative to the stem's. */
function activations(model: ModelConfig): number {
  return mapsOf(model).reduce(
    (sum, { channels, share }) => sum + channels * share ** 2,
    model.width,
  );
}

/** Activations relative to those of the ResNet-18 that was measured. */
function times(model: ModelConfig): number {
  const measured = { ...model, depth: 18, width: 64 } as const;
  return activations(model) / activations(measured);
}

/** Numbers of a patch's largest map, with the zeros around it. */
export function largestMap(model: ModelConfig, side: number): number {
  const padding = 2 * ((model.stemPadding ?? 1) - 1);
  const stem = Math.ceil(side / stemOf(model).stride) + padding;
  // The max-pool of the ImageNet stem.
  const pooled = model.stem === "imagenet" ? Math.ceil(stem / 2) : stem;
  return Math.max(
    (stem + 2) ** 2 * model.width,
    ...mapsOf(model).map(({ channels, share }) =>
      (Math.ceil(pooled * share) + 2) ** 2 * channels
    ),
  );
}

/** Bytes that a step over `rows` patches needs. */
export function stepBytes(
  { model, patchSize }: Pick<TrainerOptions, "model" | "patchSize">,
  rows: number,
  precision = "fp32",
): number {
  const { bytes, side } = BYTES[model.stem];
  const each = bytes * times(model) * (PRECISION[precision] ?? 1);
  return FIXED_BYTES + rows * each * (patchSize / side) ** 2;
}

/** Whether the largest map of `rows` patches has as few numbers as kernels can count. */
export function mapsFit(
  { model, patchSize }: Pick<TrainerOptions, "model" | "patchSize">,
  rows: number,
): boolean {
  return rows * largestMap(model, patchSize) < MOST_NUMBERS;
}

/**
 * The largest micro-batch that fits.
 *
 * @param options The model and the batch.
 * @param freeBytes Free memory of the device.
 * @param precision Number format of the activations.
 * @returns Patches of each image at a time, a divisor of `patches`; `undefined` if
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
    stepBytes(options, n * images, precision) <= SHARE * freeBytes &&
    mapsFit(options, n * images);
  if (fits(patches)) return undefined;
  for (let n = patches - 1; n > 1; n--) {
    if (patches % n === 0 && fits(n)) return n;
  }
  return 1;
}

/**
 * Bytes that the system, or the container if that is less, could give to a process
 * now.
 */
export function availableMemory(): number {
  return Math.min(
    Deno.systemMemoryInfo().available,
    containerMemory() ?? Infinity,
  );
}
