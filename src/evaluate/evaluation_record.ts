/**
 * The evaluations of a run, kept beside it: a file for each, named by all that
 * makes it, so that none replaces one of other data or another protocol.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeAtomically } from "../atomic_file.ts";
import type { EvaluationResult } from "./evaluate.ts";

/** The folder of a run's evaluations. */
const FOLDER = "evaluations";

/** Earlier versions wrote every evaluation to this file. */
const FORMER = "evaluation.json";

/** `cifar10-16-patches-1a2b3c4d.json`; the same evaluation has the same name. */
function fileName(result: EvaluationResult): string {
  const { checkpoint, data, images, testPatches, engine } = result;
  const { protocol, features } = result;
  const identity = [
    checkpoint.split("/").at(-1),
    [data, result.dataDir, images.train, images.test, result.classes],
    // As earlier versions have it where it is the bag of patches.
    protocol === "whole" || features === "backbone"
      ? [testPatches, engine.precision, protocol, features]
      : [testPatches, engine.precision],
    [result.knn !== undefined, result.linear !== undefined],
  ];
  const digest = createHash("sha256").update(JSON.stringify(identity))
    .digest("hex").slice(0, 8);
  const of = protocol === "whole" ? "whole" : `${testPatches}-patches`;
  return `${data}-${of}-${digest}.json`;
}

/**
 * Keeps a result beside the run that its checkpoint belongs to, where reports find it;
 * of a checkpoint that belongs to none, nothing is kept. `deno task evaluate` does this.
 *
 * @returns The file.
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
  try {
    Deno.statSync(`${dir}config.json`);
    Deno.mkdirSync(`${dir}${FOLDER}`, { recursive: true });
    const path = `${dir}${FOLDER}/${fileName(result)}`;
    const text = JSON.stringify(result, null, 2) + "\n";
    writeAtomically(path, text);
    return path;
  } catch {
    // A checkpoint without a run, or a folder that is not ours to write.
    return undefined;
  }
}

function read(path: string): EvaluationResult[] {
  try {
    const found = JSON.parse(Deno.readTextFileSync(path));
    return found?.images ? [found] : [];
  } catch {
    return [];
  }
}

/**
 * The evaluations that {@linkcode keepEvaluation} has kept with a run, the newest last.
 *
 * @param dir The run's folder.
 * @returns None where the folder has none; files that cannot be read are left out.
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
    // There is none yet.
  }
  const paths = names.filter((name) => name.endsWith(".json"))
    .map((name) => `${dir}/${FOLDER}/${name}`)
    .map((path) => ({ path, time: Number(Deno.statSync(path).mtime) }))
    .sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1));
  return [`${dir}/${FORMER}`, ...paths.map(({ path }) => path)].flatMap(read);
}
