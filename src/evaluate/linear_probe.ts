/**
 * The linear probe: multinomial logistic regression on frozen features, as the
 * authors' `func.py` trains it (SGD 0.03 with momentum 0.9, weight decay 5e-5,
 * batches of 100, 100 epochs, cosine by epoch).
 *
 * @module
 */
import { learningRate } from "../model/schedule.ts";
import { Purpose, RandomStream } from "../common/random.ts";
import { type Accuracy, AccuracyCounter } from "./accuracy.ts";
import type { Features } from "./features.ts";
import { LinearClassifier } from "./linear_classifier.ts";

/** Settings of the probe. */
export interface LinearProbeOptions {
  /** How many classes there are. */
  classes: number;
  /** Epochs over the training features. */
  epochs: number;
  /** Batch size. */
  batch: number;
  /** Learning rate of the first epoch. */
  lr: number;
  /** Momentum. */
  momentum: number;
  /** Weight decay. */
  weightDecay: number;
  /** Seed of the shuffling and of the initial weights. */
  seed: number;
  /** Whether the result has the classifier of the last epoch. */
  withClassifier?: boolean;
  /** Called after each epoch; ends the work by throwing. */
  pause?: () => Promise<void>;
}

/** Test accuracy after the last epoch, and the best of all. */
export interface ProbeResult {
  /** After the last epoch: the number to report. */
  last: Accuracy;
  /** The best epoch by test top-1, that is, selected on the test set. */
  best: Accuracy;
}

/** A trained probe: `classes × width` weights and a bias for each class. */
export interface Classifier {
  weight: Float32Array;
  bias: Float32Array;
}

/** Called after each epoch. */
export type OnEpoch = (epoch: number, accuracy: Accuracy) => void;

/** Test rows per block. */
const BLOCK = 500;

/** Trains a linear classifier; tests it after each epoch. */
export async function linearProbe(
  train: Features,
  test: Features,
  options: LinearProbeOptions,
  onEpoch?: OnEpoch,
): Promise<ProbeResult & { classifier?: Classifier }> {
  const { classes, epochs, momentum, weightDecay, seed } = options;
  const { width } = train;
  const { count } = train;
  const random = new RandomStream({ seed, purpose: Purpose.probe, at: [] });
  const bound = 1 / Math.sqrt(width);
  const uniform = (n: number) =>
    Float32Array.from({ length: n }, () => random.uniform(-bound, bound));
  using classifier = new LinearClassifier(
    uniform(width * classes),
    uniform(classes),
    { momentum, weightDecay },
  );
  let last: Accuracy = { top1: 0, top5: 0 };
  let best: Accuracy | undefined;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const lr = learningRate(epoch, { steps: epochs, base: options.lr });
    const order = Int32Array.from(random.permutation(count))
      .filter((row) => train.labels[row]! >= 0);
    const batch = Math.min(options.batch, order.length);
    // A smaller last batch is left out, as the authors' loader does.
    for (let at = 0; at + batch <= order.length; at += batch) {
      const picked = order.subarray(at, at + batch);
      const labels = picked.map((i) => train.labels[i]!);
      classifier.step(train.rows(picked), labels, lr);
    }
    await options.pause?.();
    last = await testAccuracy(test, classifier, classes);
    if (best === undefined || last.top1 > best.top1) best = last;
    onEpoch?.(epoch, last);
  }
  const result = { last, best: best ?? last };
  if (!options.withClassifier) return result;
  const [weight, bias] = await classifier.parameters();
  return { ...result, classifier: { weight: weight!, bias: bias! } };
}

async function testAccuracy(
  test: Features,
  classifier: LinearClassifier,
  classes: number,
): Promise<Accuracy> {
  const counter = new AccuracyCounter();
  const { width } = test;
  for (const { first, rows } of test.blocks(BLOCK)) {
    const labels = test.labels.subarray(first, first + rows.length / width);
    const logits = classifier.logits(rows);
    const scores = await logits.data<"float32">() as Float32Array;
    logits.dispose();
    counter.add(scores.subarray(0, labels.length * classes), labels);
  }
  return counter.accuracy;
}
