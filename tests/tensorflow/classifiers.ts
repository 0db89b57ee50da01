/** kNN and the linear probe on features with known classes. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { openDataset } from "../../src/data/open_dataset.ts";
import { architecture } from "../../src/model/architectures.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";
import { Features } from "../../src/evaluate/features.ts";
import { knn } from "../../src/evaluate/knn.ts";
import { LinearClassifier } from "../../src/evaluate/linear_classifier.ts";
import { linearProbe } from "../../src/evaluate/linear_probe.ts";
import { KNN, LINEAR_PROBE } from "../../src/evaluate/protocol.ts";
import { Purpose, RandomStream } from "../../src/common/random.ts";
import { learningRate } from "../../src/model/schedule.ts";
import golden from "../../fixtures/probe.json" with { type: "json" };
import { hashed } from "../formula.ts";
import { useTensorFlow } from "./engine.ts";

/** Clouds of points around one random centre per class. */
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

const { ignore, reason, engine } = await useTensorFlow("fp32");

Deno.test({
  name: `knn() finds the classes of separate clouds, and not of noise${reason}`,
  ignore,
  async fn() {
    // More training rows than a block has: neighbours come from two blocks.
    const many = clouds(9000, 2, 0.3);
    const options = { k: 20, temperature: 0.07, classes: 6 };
    const apart = await knn(clouds(300, 2, 0.3), clouds(90, 3, 0.3), options);
    assertEquals(apart.top1, 1);
    using onDisk = clouds(300, 2, 0.3, 0);
    const same = await knn(onDisk, clouds(90, 3, 0.3), options);
    assertEquals(same.top1, 1);
    // The rows of the second block are all of one class, which wins every vote.
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
  name: `the votes of knn() are exp(s / T)${reason}`,
  ignore,
  async fn() {
    // One row of class 0 with cosine 1 to the query, two of class 1 with cosine 0.6.
    const labels = Int32Array.of(0, 1, 1);
    using train = new Features({ width: 2, labels });
    train.write(Float32Array.of(2, 0, 3, 4, 3, -4), 0);
    using test = new Features({ width: 2, labels: Int32Array.of(0) });
    test.write(Float32Array.of(5, 0), 0);
    const top1 = async (temperature: number, k = 3) =>
      (await knn(train, test, { k, temperature, classes: 2 })).top1;
    // e^(1/T) against 2 e^(0.6/T): equal at T = 0.4 / ln 2 = 0.577.
    assertEquals([await top1(0.07), await top1(0.57)], [1, 1]);
    assertEquals([await top1(0.58), await top1(10)], [0, 0]);
    assertEquals(await top1(10, 1), 1);
    assertEquals(KNN, { k: 20, temperature: 0.07 });
  },
});

Deno.test({
  name: `the linear probe's SGD is PyTorch's${reason}`,
  ignore,
  async fn() {
    const { rows, width, classes, batch, epochs } = golden;
    const features = hashed(rows * width, 1, 1);
    const labels = Int32Array.from(
      { length: rows },
      (_, i) => i * 7 % classes,
    );
    using classifier = new LinearClassifier(
      hashed(classes * width, 2, 0.25),
      hashed(classes, 3, 0.25),
      { momentum: 0.9, weightDecay: 0.01 },
    );
    for (let epoch = 0; epoch < epochs; epoch++) {
      const lr = learningRate(epoch, { steps: epochs, base: 0.3 });
      for (let at = 0; at < rows; at += batch) {
        const end = at + batch;
        const x = features.subarray(at * width, end * width);
        classifier.step(x, labels.subarray(at, end), lr);
      }
    }
    const [weight, bias] = await classifier.parameters();
    for (const [i, value] of golden.weight.entries()) {
      assertAlmostEquals(weight[i], value, 1e-5);
    }
    for (const [i, value] of golden.bias.entries()) {
      assertAlmostEquals(bias[i], value, 1e-5);
    }
  },
});

Deno.test({
  name:
    `linearProbe() learns separate clouds; best is never under last${reason}`,
  ignore,
  async fn() {
    // The training rows are on disk, as for a large data set.
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

/** Features of `shapes` by an untrained ResNet-18 of a quarter of the width. */
async function realFeatures(
  split: "train" | "test",
  count: number,
  memoryLimit?: number,
): Promise<Features> {
  const model = {
    ...architecture("resnet18-cifar").model,
    width: 16,
    hidden: 512,
  };
  const images = 50, dataset = await openDataset({ name: "shapes", split });
  const { width: side } = await dataset.image(0);
  const encoder = await engine!.encoder(
    { model, images, patches: 1, patchSize: side },
    initialState(tensorSpecs(model), 0),
  );
  const labels = Int32Array.from({ length: count }, (_, i) => dataset.label(i));
  const features = new Features({ width: 512, labels }, memoryLimit);
  const bytes = new Uint8Array(images * side * side * 3);
  for (let first = 0; first < count; first += images) {
    for (let i = 0; i < images; i++) {
      const { data } = await dataset.image(first + i);
      bytes.set(data, i * data.length);
    }
    features.write(await encoder.encode(bytes), first);
  }
  encoder.dispose();
  return features;
}

Deno.test({
  name: `half precision on the disk gives the accuracy of fp32${reason}`,
  ignore,
  async fn() {
    const classes = 10, count = 500;
    using train = await realFeatures("train", 1000);
    using test = await realFeatures("test", count);
    using halfTrain = await realFeatures("train", 1000, 0);
    using halfTest = await realFeatures("test", count, 0);
    const knnOptions = { k: 20, temperature: 0.07, classes };
    const probe = { ...LINEAR_PROBE, epochs: 10, classes };
    const whole = [
      await knn(train, test, knnOptions),
      (await linearProbe(train, test, probe)).last,
    ];
    const half = [
      await knn(halfTrain, halfTest, knnOptions),
      (await linearProbe(halfTrain, halfTest, probe)).last,
    ];
    for (const [i, { top1 }] of whole.entries()) {
      // Above chance and below 100 %, so that a loss of accuracy would show.
      assert(top1 > 0.12 && top1 < 0.95, `${top1}`);
      // A near tie may fall the other way for two of the 500 images.
      assert(
        Math.abs(top1 - half[i].top1) <= 2 / count,
        `${top1} ${half[i].top1}`,
      );
    }
  },
});
