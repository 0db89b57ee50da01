/**
 * `deno task bench`: the training step and the evaluation against PyTorch's, side by
 * side in one run; the whole program, the convolutions, tracing and kernels.
 *
 * 2026-11-25, AMD EPYC (Zen 4: AVX-512, bf16 in vectors, no AMX), 2 cores,
 * PyTorch 2.15 on the CPU with --strong and jemalloc 5.3, patches per second, n 3 to 7:
 * ours, PyTorch's, their ratio and in parentheses the spread of ours.
 *
 *     step/fp32  cifar 75.9 against 58.4, 1.30 (4 %); cifar-16 262.4 and 206.1, 1.27
 *       (5 %); tiny-imagenet 635.0 and 525.4, 1.21 (4 %); imagenet 20.1 and 17.7,
 *       1.14 (5 %)
 *     step/bf16  cifar 105.4 and 108.9, 0.97 (12 %); cifar-16 403.6 and 363.5, 1.11
 *       (16 %); tiny-imagenet 1050.9 and 834.9, 1.26 (4 %); imagenet 29.4 and 29.9,
 *       0.98 (5 %)
 *     evaluation/bag-16 in images/s  fp32: cifar 16.8 and 13.2, cifar-16 63.1 and
 *       51.6, tiny-imagenet 204.6 and 174.9, imagenet 4.64 and 3.90; bf16: 27.5 and
 *       26.2, 108.1 and 98.5, 318.0 and 329.5, 7.31 and 7.31
 *     evaluation/linear 0.33 s against 0.20, evaluation/knn 0.59 against 0.54 (fp32,
 *       n 16, spread of ours 20 %)
 *     program/bf16  106.0 against 107.2 of the step alone, 0.99, n 4, spread 12 %
 *     memory/20-patches 2.31 GB, memory/200-patches 2.33 GB (--micro-batch 4)
 *     trace/bf16  0.08 s, n 5
 *
 *     step/METHOD, 256 × 2 × 32² against PyTorch as published, n 3 or 4: fp32
 *       simclr 74.1 and 50.8 (3 %), byol 60.3 and 33.1 (6 %), vicreg 78.4 and 48.6
 *       (5 %), swav 73.5 and 49.1 (24 %), ressl 70.4 and 42.7 (13 %); bf16 115.0 and
 *       104.4 (4 %), 84.9 and 78.7 (6 %), 114.3 and 103.6 (3 %), 110.2 and 99.8
 *       (9 %), 105.8 and 89.3 (21 %). An earlier ReSSL, with a backward pass of the
 *       weak view and some twenty passes over 256 × 65,536 relations: 42.1 and 84.7
 *
 * 2026-11-29, AMD EPYC (Zen 5), 2 cores, --only step --strong, jemalloc 5.3, in the
 * same order:
 *
 *     step/fp32  cifar 130.4 against 111.2, 1.17 (n 3, 7 %); cifar-16 416.0 and 302.3,
 *       1.38 (n 3, 3 %); tiny-imagenet 1,049 and 637, 1.65 (n 3, 7 %); imagenet 33.7
 *       and 30.7, 1.10 (n 3, 11 %)
 *     step/bf16  cifar 203.5 and 190.2, 1.07 (n 2, 1 %); cifar-16 675.7 and 576.2, 1.17
 *       (n 5, 5 %); tiny-imagenet 1,588 and 1,095, 1.45 (n 5, 17 %); imagenet 56.9 and
 *       54.4, 1.05 (n 5, 13 %)
 *     kernels/bf16, % of a step  cifar (9.84 s): convolutions 59, matrix products
 *       (Winograd tiles, filter taps, projector) 24, batch norms 8.4, ReLU 3.6,
 *       additions 1.6, LARS and casts under 1; cifar-16 (2.99 s): 45, 37, 6.7, 3.1,
 *       1.7; tiny-imagenet (1.26 s): 34, 45, 5.7, 3.0, 1.7, LARS 3.5, casts 2.3
 *
 * On that Zen 5 a direct convolution in bf16 reaches 0.9 to 1.07 TFLOP/s (forward over
 * 2,000 maps: 32×32×64 173 ms, 16×16×128 151, 8×8×256 143), by the same oneDNN as in
 * PyTorch. With convolutions and products at their measured rate and everything else
 * free, a cifar step would take 0.83 of its time: 1.29 times PyTorch's rate.
 *
 * The time of a bf16 step on Zen 4 by TensorFlow's own trace, in ms: cifar 18,280
 * (filter gradients 4,710, input gradients 3,910, convolutions 3,720, tiles and
 * projector 4,030, batch norms 1,020, ReLU 430, additions 180); imagenet 1,333 (230,
 * 310, 330, 190, 92, 39, 20; casts of weights 30, the optimiser 54). Direct
 * convolutions reach 460 to 480 GFLOP/s, the peak of two cores in bf16, in both
 * programs: it bounds 14 of the 18 s at cifar and 0.92 of the 1.3 s at imagenet.
 *
 * What was changed after that trace, seconds per bf16 step before and after: imagenet
 * 2.03 and 1.29, tiny-imagenet 3.44 and 2.28, cifar-16 7.0 and 5.3; cifar unchanged.
 * At imagenet the sums over tiles of Winograd's filter gradient took 1,000 of 3,300 ms
 * (with other load on the machine), now 10. Filter gradients of stride 2 took 664 ms
 * for 75 GFLOP at cifar and 281 ms for 5 GFLOP at tiny-imagenet, and are now a matrix
 * product for each filter tap. Maps of 1×1 took 55 ms a pass by tiles. The projector's
 * weight gradient was in fp32, 363 ms, now 170. Batch norms folded into the encoder's
 * filters: 25.3 images/s before, 27.7 after.
 *
 * The linear probe, 0.47 s before, now passes over its weights in four operations
 * instead of eight and stores them by class, as PyTorch does; of the 3.3 ms of a step
 * its two matrix products take 1.4.
 *
 * Tried without gain: glibc's malloc set never to return memory (GLIBC_TUNABLES
 * mmap_threshold and trim_threshold, or mallopt by FFI: imagenet in bf16 1.26 and
 * 1.28 s against 1.29, tiny-imagenet 2.35 and 2.46 against 2.24 and 2.43, the linear
 * probe 0.31 to 0.42 against 0.32 to 0.43); jemalloc (the probe 0.47 to 0.52 s);
 * StridedSlice for the taps (215 ms at tiny-imagenet where the reshaped slice takes
 * 28); a matrix product for each tap at stride 1 (64 channels: 275 GFLOP/s, where the
 * direct gradient reaches 300); MatMul in place of BatchMatMulV2 in eager execution
 * (kNN 0.60 and 0.79 s); batches of 256, 512 or 2,048 patches in evaluation (326, 320
 * and 370 images/s; 376 at 1,024).
 *
 * Effect of each change at 100 × 20, in patches per second and GB, fp32 and bf16:
 * before, 53.3 and 91.4 (12.7 and 6.8 GB); Winograd's convolutions, 67.2 and 110
 * (18.2 and 9.4, since TensorFlow kept the forward pass's tiles for the backward
 * pass); tiles recomputed in the backward pass, 75.1 and 111 (13.4 and 7.3); one
 * operation at a time and ReLU outputs recomputed, 72 and 109 (10.8 and 5.9).
 *
 * Winograd's convolutions by map and channels over 2,000 patches, in ms for forward
 * pass, input gradient and filter gradient, first direct and then by tiles: fp32
 * 4×4×512 486, 493, 849 and 235, 240, 262; 8×8×256 593, 576, 642 and 305, 318, 351;
 * 16×16×128 644, 640, 688 and 530, 477, 493; 32×32×64 666, 670, 782 and 808, 805, 884.
 * bf16 with tiles of 2×2: 4×4×512 253, 255, 683 and 199, 203, 253; 8×8×256 289, 288,
 * 799 and 265, 289, 357; 16×16×128 312, 311, 545 and 425, 431, 484.
 *
 * 2026-11-25, the Zen 4 machine: TensorFlow called through a compiled addon (before)
 * and through Deno's FFI (after), in turn, n 6: bf16 at 100 × 20, 108.2 and 108.0
 * patches/s (0.998, spread 3 and 2 %), 5.91 and 5.71 GB; fp32 at 50 × 20, 77.3 and
 * 77.1 (0.997, spread 4 and 5 %), 6.15 and 6.09 GB.
 *
 * Batch norms, ReLUs and additions fused by XLA on the CPU, convolutions left to
 * oneDNN (TF_XLA_FLAGS="--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit
 * --tf_xla_ops_to_cluster=FUSIBLE"; Zen 5, 20 × 20 × 32² in bf16, with other load on
 * the machine, twice): 82.8 and 83.0 patches/s against 103.9 and 109.5 without.
 *
 * Tried without gain in bf16: huge pages (glibc.malloc.hugetlb=1, which did not apply
 * to TensorFlow's allocations), TensorFlow's own CPU arena (TF_CPU_ALLOCATOR_USE_BFC),
 * the weight gradient computed before the input gradient. Explicit padding saves 0.3 MB
 * per patch but is not done by oneDNN: 22 patches/s instead of 92.
 *
 * @module
 */
import { METHOD_NAMES, type MethodName } from "../src/model/methods/methods.ts";
import type { Precision } from "../src/engine/engine.ts";
import type { Command, Values } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { evaluation } from "./evaluate.ts";
import { JSON_FLAG } from "./flags.ts";
import { kernelTable } from "./kernels.ts";
import { print } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import { SETTINGS } from "./settings.ts";
import { convolution, program, step, trace } from "./step.ts";

const MEASURES = {
  ...{ step, program, evaluation, convolution, trace },
  kernels: kernelTable,
};
const PARTS = Object.keys(MEASURES) as (keyof typeof MEASURES)[];
const NAMES = SETTINGS.map(({ name }) => name);

const command: Command = {
  usage: "deno task bench [flags]",
  about: "Times the training step and the evaluation against PyTorch's, the " +
    "two in turn;\nthe whole program against the step; the step's " +
    "convolutions alone; the tracing;\nthe time in each kind of kernel.",
  flags: {
    setting: {
      type: "text",
      choices: NAMES,
      help: "one of the paper's settings (default: all)",
    },
    only: { type: "text", choices: PARTS, help: "one part (default: all)" },
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with torch and torchvision (default: no peer)",
    },
    strong: {
      type: "switch",
      help: "PyTorch at its best: Gram TCR, torch.compile, jemalloc",
    },
    jemalloc: {
      type: "text",
      value: "PATH",
      help: "libjemalloc.so.2 (default: the system's)",
    },
    precision: {
      type: "text",
      choices: ["fp32", "bf16", "both"],
      help: "default both",
    },
    method: {
      type: "text",
      choices: METHOD_NAMES.filter((name) => name !== "emp-ssl"),
      help: "the step of another method, 256 images × 2 views, in its place",
    },
    images: { type: "number", help: "images a step (default: the setting's)" },
    patches: {
      type: "number",
      help: "patches an image (default: the setting's)",
    },
    "micro-batch": { type: "number", help: "patches at a time (ours)" },
    repeat: { type: "number", help: "repetitions of each (default 3)" },
    json: JSON_FLAG,
  },
  examples: [
    "deno task bench --python .venv/bin/python --strong",
    "deno task bench --setting cifar --only step --patches 200 --micro-batch 4",
  ],
};

function optionsOf(values: Values): BenchOptions[] {
  const chosen = values.precision ?? "both";
  const precisions = chosen === "both" ? ["fp32", "bf16"] : [chosen];
  const python = values.python as string | undefined;
  const method = values.method as MethodName | undefined;
  return SETTINGS
    .filter(({ name }) => (values.setting ?? name) === name)
    .flatMap((setting) =>
      precisions.map((precision) => ({
        setting: {
          ...setting,
          images: (values.images ?? (method ? 256 : setting.images)) as number,
          patches: (values.patches ?? (method ? 2 : setting.patches)) as number,
        },
        method,
        precision: precision as Precision,
        repeat: (values.repeat ?? 3) as number,
        microBatch: values["micro-batch"] as number | undefined,
        peer: python === undefined ? undefined : {
          python,
          strong: values.strong === true,
          jemalloc: values.jemalloc as string | undefined,
        },
      }))
    );
}

if (import.meta.main) {
  await main(command, async (values) => {
    for (const options of optionsOf(values)) {
      for (const part of PARTS) {
        const only = values.only ?? (values.method && "step");
        if (only !== undefined && only !== part) continue;
        for (const found of await MEASURES[part](options)) {
          print(found, values.json === true);
        }
      }
    }
  });
}
