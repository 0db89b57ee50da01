/**
 * The online probe: kNN accuracy on a part of the data during training, to monitor
 * progress.
 *
 * @module
 */
import { checkNames, type NamesOf } from "../common/choice_names.ts";
import { type OpenedSource, openForThreads } from "../data/open_dataset.ts";
import { type Split, SPLITS } from "../data/dataset.ts";
import type { Compute } from "../engine/compute.ts";
import { methodNamed } from "../model/methods/methods.ts";
import { checkCount } from "../common/count.ts";
import { EmpSslError } from "../common/errors.ts";
import { type ResolvedConfig, trainSource } from "../checkpoint/run_config.ts";
import type { Probe } from "../train/events.ts";
import type { Accuracy } from "./accuracy.ts";
import type { EvaluationCalls } from "./evaluation_calls.ts";
import { otherClass } from "./check_evaluation.ts";
import { computeFeatures, cutsOf, labelsOf } from "./compute_features.ts";
import { KNN } from "./protocol.ts";

/** Size and interval of a probe. */
export interface OnlineProbeOptions {
  /** Steps between two probes; one epoch by default. */
  every?: number;
  /** Training images among which neighbours are searched; 1,000 by default. */
  train?: number;
  /** Test images that are classified; 500 by default. */
  test?: number;
  /** Patches per image; 4 by default. */
  patches?: number;
}

const NAMES: NamesOf<OnlineProbeOptions> = {
  every: true,
  train: true,
  test: true,
  patches: true,
};

/** The images of a run's data that a probe reads. */
interface Opened extends Partial<Record<Split, OpenedSource>> {
  checked?: boolean;
  /** The damaged images: each is reported once. */
  named: Set<string>;
}

/**
 * A probe for `train()`.
 *
 * @param options By default 1,000 training images, 500 test images and 4
 * patches of each: some seconds on two cores.
 * @throws {EmpSslError} `INVALID_ARGUMENT` where one is not a positive whole number.
 *
 * @example After every hundred steps
 * ```ts
 * import { onlineProbe } from "./online_probe.ts";
 *
 * console.assert(onlineProbe({ every: 100 }).every === 100);
 * ```
 */
export function onlineProbe(options: OnlineProbeOptions = {}): Probe {
  checkNames(options, NAMES);
  const { every, train = 1000, test = 500, patches = 4 } = options;
  for (const [name, value] of Object.entries({ every, train, test, patches })) {
    checkCount(value, { action: "probe with", subject: `${name} ${value}` });
  }
  const open = (config: ResolvedConfig, split: Split) =>
    openForThreads({
      ...trainSource(config),
      split,
      limit: split === "train" ? train : test,
    });
  // By data, since several trainings may share a probe. Opened once: all probes of a run
  // see the same images.
  const byData = new Map<string, Opened>();
  const openedOf = (config: ResolvedConfig): Opened => {
    const key = JSON.stringify(trainSource(config));
    const found = byData.get(key) ?? { named: new Set() };
    byData.set(key, found);
    return found;
  };
  return {
    every,
    async check(config: ResolvedConfig): Promise<void> {
      const opened = openedOf(config);
      if (opened.checked) return;
      const { classes } = (opened.train = await open(config, "train")).dataset;
      const other = (opened.test = await open(config, "test")).dataset;
      const sets = { train: opened.train.dataset, test: other };
      const isLabelled = classes.length >= 2 && other.classes.length > 0;
      if (isLabelled && otherClass(sets) === undefined) {
        opened.checked = true;
        return;
      }
      throw new EmpSslError({
        action: "probe",
        subject: config.dataDir ?? config.data,
        found: "it has no labels, or its test part has other classes",
        remedy: "leave out --probe, or give labels: --data folder, with " +
          "train/<class>/ and test/<class>/",
        code: "INVALID_DATA",
      });
    },
    async run(thread, config, onSkipped, patchSize): Promise<Accuracy> {
      const compute = thread as Compute;
      const calls = compute.calls<EvaluationCalls>();
      const opened = openedOf(config), { named } = opened;
      await calls.startProbe();
      const { protocol } = methodNamed(config.method);
      let classes: readonly string[] | undefined;
      for (const split of SPLITS) {
        const { dataset, source } = opened[split] ??= await open(config, split);
        classes ??= dataset.classes;
        await computeFeatures(compute, {
          source,
          labels: labelsOf(dataset, classes),
          split,
          ...cutsOf(config, { protocol, patches }),
          patchSize: patchSize ?? config.patchSize,
          workers: config.workers,
          // Training counts the damaged images of the whole set.
          failureLimit: 0.5,
          onSkipped(image, why) {
            if (!named.has(image)) onSkipped?.(image, why);
            named.add(image);
          },
        });
      }
      const accuracy = await calls.knn({ ...KNN, classes: classes!.length });
      await calls.endEvaluation();
      return accuracy;
    },
  };
}
