/**
 * Checks before long work that an evaluation is possible.
 *
 * @module
 */
import { openDataset } from "../data/open_dataset.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { type ResolvedConfig, trainSource } from "../checkpoint/run_config.ts";
import { checkOneOf } from "../common/choice_names.ts";
import { checkCount } from "../common/count.ts";
import { EmpSslError, errorMaker } from "../common/errors.ts";
import {
  FEATURE_LAYERS,
  type FeatureLayer,
  type Protocol,
  PROTOCOLS,
} from "../model/methods/method.ts";

const action = "evaluate with";
const dataError = errorMaker("evaluate on", "INVALID_DATA");

/**
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it is not a whole number from 1 up.
 */
export function checkTestPatches(count: number): void {
  checkCount(count, { action, subject: `--test-patches ${count}` });
}

/**
 * Rejects limits of images that are not whole numbers from 1 up.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkLimits(
  { limitTrain, limitTest }: { limitTrain?: number; limitTest?: number },
): void {
  checkCount(limitTrain, { action, subject: `--limit-train ${limitTrain}` });
  checkCount(limitTest, { action, subject: `--limit-test ${limitTest}` });
}

/**
 * The error of a number of patches where the protocol uses the whole image.
 *
 * @param action The action, and the number under its name.
 */
export function noBag(action: string, subject: string): EmpSslError {
  return new EmpSslError({
    action,
    subject,
    found: "the whole image is used, not a bag of its patches",
    remedy: "leave it out, or give --protocol bag",
    code: "INVALID_ARGUMENT",
  });
}

/**
 * Rejects a protocol or a layer that does not exist, for callers in JavaScript.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkKind(
  { protocol, features }: { protocol?: Protocol; features?: FeatureLayer },
): void {
  const kinds = [
    ["--protocol", protocol, PROTOCOLS],
    ["--features", features, FEATURE_LAYERS],
  ] as const;
  for (const [flag, value, known] of kinds) {
    checkOneOf(value, known, { action, subject: `${flag} ${value}` });
  }
}

/**
 * @param place Folder or name of the data, for messages.
 * @throws {EmpSslError} `INVALID_DATA` where there are fewer than two classes, or the
 * test part has one that the training part lacks.
 */
export function checkClasses(
  { train, test }: Record<Split, Dataset>,
  place: string,
): void {
  const classes = train.classes.length;
  if (classes < 2) {
    throw dataError(
      place,
      classes === 0
        ? "its images have no labels, and accuracy needs them"
        : `it has ${classes} class, and accuracy needs two or more`,
      "take --data folder, with train/<class>/ and test/<class>/; give shards " +
        ".cls, Parquet a column of labels, a module classes and label",
    );
  }
  if (test.classes.length === 0) {
    throw dataError(place, "its test part has no labels", "give it labels");
  }
  const other = otherClass({ train, test });
  if (other === undefined) return;
  throw dataError(
    place,
    `its test part has the class ${other}, which its training part lacks`,
    "give both the same classes",
  );
}

/**
 * A class of the test part that the training part lacks; undefined if there is none.
 * Names that occur twice must be the same in both parts.
 */
export function otherClass(
  { train, test }: Record<Split, Dataset>,
): string | undefined {
  const known = new Set(train.classes);
  const isUnique = known.size === train.classes.length;
  return test.classes.find((name, i) =>
    name !== train.classes[i] && !(isUnique && known.has(name))
  );
}

/**
 * Checks the settings and data of a run's evaluation, before the run is trained.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`, `INVALID_DATA`.
 */
export async function checkEvaluation(
  config: ResolvedConfig,
  { testPatches, limitTrain, limitTest }: {
    testPatches: number;
    limitTrain?: number;
    limitTest?: number;
  },
): Promise<void> {
  checkTestPatches(testPatches);
  const source = trainSource(config);
  const train = await openDataset({ ...source, limit: limitTrain });
  const test = await openDataset({
    ...source,
    split: "test",
    limit: limitTest,
  });
  checkClasses({ train, test }, config.dataDir ?? config.data);
}
