/** kNN and the linear probe on features whose classes are known. */
import { assert, assertEquals } from "@std/assert";
import { Features } from "../../src/evaluate/features.ts";
import { knn } from "../../src/evaluate/knn.ts";
import { linearProbe } from "../../src/evaluate/linear_probe.ts";
import { LINEAR_PROBE } from "../../src/evaluate/protocol.ts";
import { Purpose, RandomStream } from "../../src/random.ts";
import { useTensorFlow } from "./engine.ts";

/** Clouds of points around one random centre a class. */
function clouds(
  count: number,
  seed: number,
  spread: number,
  memoryLimit?: number,
): Features {
  const width = 32, classes = 6;
  const centres = new RandomStream({ seed: 1, purpose: Purpose.probe, at: [] });
  const middle = Array.from(
    { length: classes * width },
    () => centres.normal(),
  );
  const noise = new RandomStream({ seed, purpose: Purpose.probe, at: [1] });
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
  const values = Float32Array.from(
    { length: count * width },
    (_, i) =>
      middle[labels[Math.floor(i / width)] * width + i % width] +
      spread * noise.normal(),
  );
  const features = new Features({ width, labels }, memoryLimit);
  features.write(values, 0);
  return features;
}

const { ignore, reason } = await useTensorFlow("fp32");

Deno.test({
  name: `knn() finds the classes of separate clouds, and not of noise${reason}`,
  ignore,
  async fn() {
    // More rows than a block of the bank has: neighbours come from two.
    const many = clouds(9000, 2, 0.3);
    const options = { k: 20, temperature: 0.07, classes: 6 };
    const apart = await knn(clouds(300, 2, 0.3), clouds(90, 3, 0.3), options);
    assertEquals(apart.top1, 1);
    using onDisk = clouds(300, 2, 0.3, 0);
    const same = await knn(onDisk, clouds(90, 3, 0.3), options);
    assertEquals(same.top1, 1);
    // The last rows, in a block of their own, are all of one class.
    many.labels.fill(5, 8192);
    const all = { ...options, k: 9000, temperature: 1e6 };
    const voted = await knn(many, clouds(90, 3, 0.3), all);
    assertEquals(Math.round(voted.top1 * 90), 15);
    many[Symbol.dispose]();
    const noise = await knn(clouds(300, 2, 100), clouds(600, 3, 100), options);
    assert(noise.top1 < 0.35 && noise.top5 > 0.6);
  },
});

Deno.test({
  name:
    `linearProbe() learns separate clouds; best is never under last${reason}`,
  ignore,
  async fn() {
    // Its training rows are on the disk, as those of a large set are.
    using onDisk = clouds(300, 2, 0.8, 0);
    const { last, best } = await linearProbe(
      onDisk,
      clouds(90, 3, 0.8),
      { ...LINEAR_PROBE, epochs: 20, classes: 6 },
    );
    assert(last.top1 > 0.95, `${last.top1}`);
    assert(best.top1 >= last.top1 && last.top5 >= last.top1);
  },
});
