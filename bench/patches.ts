/**
 * `deno task bench:patches`: patches per second on one core against torchvision with
 * Pillow, with two workers against one, and the time of each transform.
 *
 * 2026-11-24, AMD EPYC (Zen 4), one core of two, torchvision 0.29.2 with Pillow
 * 13.0.0, n 5, patches per second:
 *
 *     patches/cifar     75,196 against 2,388, ratio 31.5, spread 31 %
 *     patches/imagenet  1,480 against 282, ratio 5.24, spread 1 %
 *     patches/two-workers  143,251 against 74,109 of one, 1.93, spread 2 %
 *
 * @module
 */
import { jitter } from "../src/patches/color_jitter.ts";
import { PlainTransforms } from "../src/patches/plain_transforms.ts";
import type { RecipeName } from "../src/patches/recipe.ts";
import type { PatchTransforms } from "../src/patches/transforms.ts";
import { WasmTransforms } from "../src/patches/wasm/wasm_transforms.ts";
import { PatchStream } from "../src/stream/patch_stream.ts";
import { JSON_FLAG, REPEAT_FLAG } from "./flags.ts";
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { inTurn, LineProcess } from "./line_process.ts";
import {
  deviceName,
  type Measurement,
  median,
  print,
  round,
  spread,
} from "./measurement.ts";
import { writeRecords } from "./program.ts";
import { noise } from "./programs/patches.ts";

const command: Command = {
  usage: "deno task bench:patches [flags]",
  about: "Times the cutting of patches against torchvision and Pillow, the " +
    "two in turn;\ntwo workers against one; and each transform.",
  flags: {
    python: {
      type: "text",
      value: "PATH",
      help: "a Python with torchvision (default: no peer)",
    },
    repeat: REPEAT_FLAG,
    json: JSON_FLAG,
  },
  examples: ["deno task bench:patches --python .venv/bin/python"],
};

const COUNTS: Record<RecipeName, number> = { cifar: 2000, imagenet: 100 };

async function recipes(
  python: string | undefined,
  n: number,
): Promise<Measurement[]> {
  const own = LineProcess.ours("patches.ts", []);
  const peer = python
    ? LineProcess.peer(python, "torchvision_patches.py", [])
    : undefined;
  try {
    const kind = await own.line();
    const against = await peer?.line() ?? "no peer";
    const found: Measurement[] = [];
    for (const [name, count] of Object.entries(COUNTS)) {
      const answers = await inTurn([own, peer], n, `${name} ${count}`);
      const [ours, theirs] = answers.map((a) => a.map(([s]) => s));
      found.push({
        name: `patches/${name}`,
        unit: "patches/s",
        ours: round(count / median(ours)),
        peer: peer ? round(count / median(theirs)) : null,
        ratio: peer ? round(median(theirs) / median(ours)) : null,
        device: `${deviceName()}, one of them used`,
        n,
        spread: round(spread(ours)),
        setting: `${kind}, ${against}`,
      });
    }
    return found;
  } finally {
    await own.close();
    await peer?.close();
  }
}

const BATCHES = 150, IMAGES = 100, PATCHES = 20;

/** Seconds for some batches through the ring buffer to a consumer that ignores them. */
async function streamSeconds(dir: string, workers: number): Promise<number> {
  await using stream = await PatchStream.open({
    source: { name: "cifar10", dir, split: "train" },
    recipe: "cifar",
    patchSize: 32,
    images: IMAGES,
    patches: PATCHES,
    shuffle: true,
    seed: 0,
    firstBatch: 0,
    endBatch: BATCHES,
  }, { workers });
  let begin = 0, batch = 0;
  for await (const _ of stream) {
    // The first batches fill the ring buffer and warm up the workers.
    if (batch++ === 10) begin = performance.now();
  }
  return (performance.now() - begin) / 1000;
}

async function workers(n: number): Promise<Measurement> {
  const one: number[] = [], two: number[] = [];
  const dir = Deno.makeTempDirSync({ prefix: "emp-ssl-bench-" });
  try {
    writeRecords(`${dir}/train.bin`, 4000);
    for (let i = 0; i < n; i++) {
      one.push(await streamSeconds(dir, 1));
      two.push(await streamSeconds(dir, 2));
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
  const count = (BATCHES - 11) * IMAGES * PATCHES;
  return {
    name: "patches/two-workers",
    unit: "patches/s",
    ours: round(count / median(two)),
    peer: round(count / median(one)),
    ratio: round(median(one) / median(two)),
    device: deviceName(),
    n,
    spread: round(spread(two)),
    setting: `cifar through the ring, ${IMAGES} × ${PATCHES}, one worker`,
  };
}

const FACTORS = { brightness: 1.3, contrast: 0.7, saturation: 1.3, hue: 0.1 };
const TRANSFORMS: Record<string, (t: PatchTransforms) => void> = {
  flip: (t) => t.flip(),
  brightness: (t) => t.adjustBrightness(FACTORS.brightness),
  contrast: (t) => t.adjustContrast(FACTORS.contrast),
  saturation: (t) => t.adjustSaturation(FACTORS.saturation),
  hue: (t) => t.adjustHue(FACTORS.hue),
  jitter: (t) => jitter(t, { order: [0, 1, 2, 3], ...FACTORS }),
  grayscale: (t) => t.grayscale(),
  blur: (t) => t.gaussianBlur(1),
  solarize: (t) => t.solarize(),
};

/** Microseconds per call of one transform. */
function microseconds(
  transforms: PatchTransforms,
  transform: (t: PatchTransforms) => void,
): number {
  let count = 1;
  for (;;) {
    const begin = performance.now();
    for (let i = 0; i < count; i++) transform(transforms);
    const taken = performance.now() - begin;
    if (taken > 30) return taken / count * 1000;
    count *= 2;
  }
}

function transformTimes(n: number): Measurement[] {
  const settings = [
    { name: "cifar", image: noise(32, 32), size: 32, crop: 16 },
    { name: "imagenet", image: noise(500, 375), size: 224, crop: 216 },
  ];
  return settings.flatMap(({ name, image, size, crop }) => {
    const subjects = [new WasmTransforms(), new PlainTransforms()];
    const interpolation = name === "cifar" ? "bilinear" : "bicubic";
    const box = { left: 4, top: 4, width: crop, height: crop };
    const all: typeof TRANSFORMS = {
      resize: (t) => t.cropAndResize(box, { size, interpolation }),
      ...TRANSFORMS,
    };
    return Object.entries(all).map(([transform, run]) => {
      const times = subjects.map((subject) => {
        subject.load(image);
        subject.cropAndResize(box, { size, interpolation });
        return Array.from({ length: n }, () => microseconds(subject, run));
      });
      const [ours, plain] = times.map(median);
      return {
        name: `patches/${name}/${transform}`,
        unit: "µs",
        ours: round(ours),
        peer: round(plain),
        ratio: round(plain / ours),
        device: deviceName(),
        n,
        spread: round(spread(times[0])),
        setting: `${size} × ${size}, against our plain TypeScript`,
      };
    });
  });
}

if (import.meta.main) {
  await main(command, async ({ python, repeat, json }) => {
    const n = (repeat ?? 5) as number;
    const show = (m: Measurement) => print(m, json === true);
    (await recipes(python as string | undefined, n)).forEach(show);
    show(await workers(n));
    transformTimes(n).forEach(show);
  });
}
