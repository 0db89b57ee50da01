/**
 * `deno task bench:evaluation`: time and memory of the linear probe and of kNN over as
 * many features as ImageNet-100 has.
 *
 * 2026-11-25, AMD EPYC (Zen 4), 2 cores, 126,000 × 4,096 training features and 5,000 to
 * classify, n 1: kNN 34.9 s, the linear probe 6.2 s per epoch, peak memory 1.32 GB.
 *
 * @module
 */
import process from "node:process";
import { loadTensorFlow } from "../src/engine/tensorflow/load.ts";
import { Features } from "../src/evaluate/features.ts";
import { knn } from "../src/evaluate/knn.ts";
import { linearProbe } from "../src/evaluate/linear_probe.ts";
import { KNN, LINEAR_PROBE } from "../src/evaluate/protocol.ts";
import { Purpose, RandomStream } from "../src/common/random.ts";
import { JSON_FLAG } from "./flags.ts";
import type { Command } from "../tasks/cli/flags.ts";
import { main } from "../tasks/cli/main.ts";
import { deviceName, type Measurement, print, round } from "./measurement.ts";

const command: Command = {
  usage: "deno task bench:evaluation [flags]",
  about:
    "Classifies generated features, a cloud for each class, by the linear " +
    "probe and by\nnearest neighbours; tells time and memory.",
  flags: {
    train: { type: "number", help: "training rows (default 126000)" },
    test: { type: "number", help: "test rows (default 5000)" },
    width: { type: "number", help: "numbers in a row (default 4096)" },
    classes: { type: "number", help: "classes (default 100)" },
    epochs: { type: "number", help: "epochs of the probe (default 1)" },
    json: JSON_FLAG,
  },
  examples: ["deno task bench:evaluation --train 10000"],
};

interface Setting {
  train: number;
  test: number;
  width: number;
  classes: number;
  epochs: number;
}

/** Features around the centre of their class, which is far from the other centres. */
function clouds(
  count: number,
  { width, classes }: Setting,
  seed: number,
): Features {
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const features = new Features({ width, labels });
  const random = new RandomStream({ seed, purpose: Purpose.probe, at: [] });
  // The numbers are reused: drawing each one would take longer than the measurement.
  const noise = Float32Array.from({ length: 65_537 }, () => random.uniform());
  const row = new Float32Array(width);
  for (let i = 0, at = seed; i < count; i++) {
    for (let j = 0; j < width; j++) {
      if (++at >= noise.length) at = 0;
      const ofClass = (Math.imul(labels[i] + 1, j + 7919) >>> 5) % 7 === 0;
      row[j] = noise[at] + (ofClass ? 0.2 : 0);
    }
    at = Math.imul(i + seed, 7919) % noise.length;
    features.write(row, i);
  }
  return features;
}

async function measure(setting: Setting): Promise<Measurement[]> {
  const { classes, epochs } = setting;
  await loadTensorFlow("fp32");
  using train = clouds(setting.train, setting, 1);
  using test = clouds(setting.test, setting, 2);
  const common = {
    peer: null,
    ratio: null,
    device: deviceName(),
    n: 1,
    spread: 0,
  };
  const rows = `${train.count} × ${train.width} and ${test.count} rows`;
  const seconds = async (work: () => Promise<{ top1: number }>) => {
    const begin = performance.now();
    const { top1 } = await work();
    const ours = round((performance.now() - begin) / 1000);
    const right = `${(100 * top1).toFixed(1)} % right`;
    return { ...common, unit: "s", ours, setting: `${rows}, ${right}` };
  };
  const nearest = await seconds(() => knn(train, test, { ...KNN, classes }));
  const linear = await seconds(async () =>
    (await linearProbe(train, test, { ...LINEAR_PROBE, classes, epochs })).last
  );
  const memory = process.resourceUsage().maxRSS / 1e6;
  return [
    { ...nearest, name: "evaluation/knn" },
    { ...linear, name: `evaluation/linear-${epochs}-epochs` },
    {
      ...common,
      name: "evaluation/memory",
      unit: "GB",
      ours: round(memory),
      setting: `${rows}, peak of the process`,
    },
  ];
}

if (import.meta.main) {
  await main(command, async (values) => {
    const number = (name: string, otherwise: number) =>
      (values[name] ?? otherwise) as number;
    const found = await measure({
      train: number("train", 126_000),
      test: number("test", 5000),
      width: number("width", 4096),
      classes: number("classes", 100),
      epochs: number("epochs", 1),
    });
    for (const m of found) print(m, values.json === true);
  });
}
