/**
 * The evaluations of a run, in its folder: a file for each, with a digest of its
 * settings in the name, so that none replaces one of other data or another protocol.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { writeAtomically, writeError } from "../common/atomic_file.ts";
import { checkpointName } from "../checkpoint/manifest.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import { folderName } from "../data/catalog.ts";
import { dataName, isModule, moduleName } from "../data/own_data.ts";
import { existsSync } from "../common/files.ts";
import type { FeatureLayer, Protocol } from "../model/methods/method.ts";
import type { EvaluationResult } from "./evaluate.ts";
import type { ProbeChoices } from "./probe_choices.ts";

/** The folder of a run's evaluations. */
const FOLDER = "evaluations";

/** Earlier versions wrote every evaluation to this file. */
const FORMER = "evaluation.json";

/** The folder of a run for the features of evaluations that have not ended. */
const UNFINISHED = "evaluations.part";

/**
 * The folder in which an evaluation of a checkpoint keeps its features until it ends;
 * undefined for a checkpoint outside a run's folder.
 *
 * @param checkpoint The checkpoint's file.
 */
export function unfinishedFolder(checkpoint: string): string | undefined {
  const dir = checkpoint.replace(/[^/]*$/, "");
  return existsSync(`${dir}config.json`) ? `${dir}${UNFINISHED}` : undefined;
}

/** The file name of an evaluation's checkpoint. In a run's folder they sort by step. */
export function checkpointFile({ checkpoint }: EvaluationResult): string {
  return checkpoint.split("/").at(-1)!;
}

/** Whether an evaluation is of a run's weights after a step. */
export function isOfStep(evaluation: EvaluationResult, step: number): boolean {
  return !evaluation.untrained &&
    checkpointFile(evaluation) === `${checkpointName(step)}.safetensors`;
}

/**
 * Whether an evaluation is on the images of its run: its data set, with the same options
 * and, where it may hold other images, in a folder of the same name.
 */
export function isOnDataOf(
  { data, dataDir, dataOptions, chosenClasses }: EvaluationResult,
  run: Pick<ResolvedConfig, "data" | "dataDir" | "dataOptions">,
): boolean {
  const isSamePlace = dataDir === undefined ||
    folderName(data, dataDir) === folderName(run.data, run.dataDir);
  // A module may have been moved.
  const isSame = data === run.data ||
    isModule(data) && isModule(run.data) &&
      moduleName(data) === moduleName(run.data);
  return isSame && isSamePlace && chosenClasses === undefined &&
    isDeepStrictEqual(dataOptions, run.dataOptions);
}

/** How an evaluation was made, apart from its checkpoint and its data. */
export interface EvaluationSettings {
  /** Bag of patches or whole image. */
  protocol: Protocol;
  /** The feature layer. */
  features: FeatureLayer;
  /** Patches per image in the bag. */
  testPatches: number;
  /** The limits of the training and test images. */
  limits: { train?: number; test?: number };
  /** The choices in which it differs from the authors' protocol. */
  changed?: ProbeChoices;
  /** Whether it must have kNN; true by default. */
  knn?: boolean;
  /** Whether it must have the linear probe; true by default. */
  linear?: boolean;
}

/** Whether an evaluation was made with settings; what else it has does not matter. */
export function isMadeWith(
  found: EvaluationResult,
  { protocol, features, testPatches, limits, changed, ...has }:
    EvaluationSettings,
): boolean {
  return (found.protocol ?? "bag") === protocol &&
    (found.features ?? "head") === features &&
    found.testPatches === (protocol === "whole" ? 1 : testPatches) &&
    (found.linear !== undefined || has.linear === false) &&
    (found.knn !== undefined || has.knn === false) &&
    isDeepStrictEqual(found.changed, changed) &&
    found.limits?.train === limits.train && found.limits?.test === limits.test;
}

/** `cifar10-16-patches-1a2b3c4d.json`; the same evaluation has the same name. */
function fileName(result: EvaluationResult): string {
  const { data, images, testPatches, engine } = result;
  const { protocol, features, dataOptions, chosenClasses, untrained } = result;
  const identity = [
    checkpointFile(result),
    [data, result.dataDir, images.train, images.test, result.classes],
    // For a bag of patches with the hidden layer, the digest of earlier versions.
    protocol === "whole" || features === "backbone"
      ? [testPatches, engine.precision, protocol, features]
      : [testPatches, engine.precision],
    [result.knn !== undefined, result.linear !== undefined],
    // Where they are set, so that the other digests are those of earlier versions.
    ...[dataOptions, chosenClasses, untrained, result.changed]
      .filter((v) => v !== undefined),
  ];
  const digest = createHash("sha256").update(JSON.stringify(identity))
    .digest("hex").slice(0, 8);
  const of = protocol === "whole" ? "whole" : `${testPatches}-patches`;
  return `${dataName(data)}-${of}-${digest}.json`;
}

/**
 * Saves a result in the folder of the run that its checkpoint belongs to, where reports
 * find it. Nothing is saved for a checkpoint outside such a folder. `deno task evaluate`
 * calls this.
 *
 * @returns The file; undefined where nothing was saved.
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it cannot be written.
 *
 * @example After an evaluation in a program
 * ```ts ignore
 * import { evaluate, keepEvaluation, writeReport } from "./mod.ts";
 *
 * keepEvaluation(await evaluate({ modelPath: "runs/a" }));
 * await writeReport({ runs: ["runs/a"] });
 * ```
 */
export function keepEvaluation(result: EvaluationResult): string | undefined {
  const dir = result.checkpoint.replace(/[^/]*$/, "");
  if (!existsSync(`${dir}config.json`)) return undefined;
  const path = `${dir}${FOLDER}/${fileName(result)}`;
  try {
    Deno.mkdirSync(`${dir}${FOLDER}`, { recursive: true });
  } catch (error) {
    throw writeError(path, error, { remedy: "make the run's folder writable" });
  }
  writeAtomically(path, JSON.stringify(result, null, 2) + "\n");
  return path;
}

function read(path: string): EvaluationResult[] {
  try {
    const found = JSON.parse(Deno.readTextFileSync(path));
    // In the book a file of this name has no checkpoint.
    return found?.images && found.checkpoint ? [found] : [];
  } catch {
    return [];
  }
}

/**
 * The evaluations that {@linkcode keepEvaluation} has saved with a run, the newest last.
 *
 * @param dir The run's folder.
 * @returns Empty where the folder has none; files that cannot be read are left out.
 *
 * @example A run that was not evaluated
 * ```ts
 * import { readEvaluations } from "./evaluation_record.ts";
 *
 * console.assert(readEvaluations("runs/nowhere").length === 0);
 * ```
 */
export function readEvaluations(dir: string): EvaluationResult[] {
  let names: string[] = [];
  try {
    names = [...Deno.readDirSync(`${dir}/${FOLDER}`)].map(({ name }) => name);
  } catch {
    // There are no evaluations yet.
  }
  const paths = names.filter((name) => name.endsWith(".json"))
    .map((name) => `${dir}/${FOLDER}/${name}`)
    .map((path) => ({ path, time: Number(Deno.statSync(path).mtime) }))
    .sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1));
  return [`${dir}/${FORMER}`, ...paths.map(({ path }) => path)].flatMap(read);
}
