/**
 * Whether an evaluation of a run is the one that a row of the book of results asks for.
 *
 * @module
 */
import type { ResolvedConfig } from "../../src/checkpoint/run_config.ts";
import { isModule } from "../../src/data/own_data.ts";
import { defined } from "../../src/common/defined.ts";
import type { EvaluationResult } from "../../src/evaluate/evaluate.ts";
import {
  isMadeWith,
  isOnDataOf,
} from "../../src/evaluate/evaluation_record.ts";
import { changedChoices } from "../../src/evaluate/probe_choices.ts";
import { methodNamed } from "../../src/model/methods/methods.ts";
import {
  command as evaluateCommand,
  configOf as evaluateConfigOf,
} from "../evaluate.ts";
import { parseFlags } from "./flags.ts";

/**
 * Whether an evaluation was made with flags of `evaluate`.
 *
 * @param flags The flags, without the run.
 * @param dir The run's folder.
 * @param stored Its configuration.
 */
export function evaluatedWith(
  flags: string[],
  dir: string,
  stored: ResolvedConfig,
): (evaluation: EvaluationResult) => boolean {
  const values = parseFlags([...flags, "--model-path", dir], evaluateCommand);
  const { testPatches, limitTrain, limitTest, precision = "auto", ...asked } =
    evaluateConfigOf(values);
  const { protocol, features } = {
    ...methodNamed(stored.method),
    ...defined(asked),
  };
  const { data, linear, knn } = { ...stored, ...defined(asked) };
  const limits = { train: limitTrain, test: limitTest };
  const changed = changedChoices(asked, stored.patchSize);
  const settings = {
    ...{ protocol, features, testPatches, limits, linear, knn, changed },
  };
  const { dataDir, classes } = asked;
  const isOwn = [asked.data, dataDir, classes].every((v) => v === undefined);
  return (found) =>
    (isOwn
      ? isOnDataOf(found, stored)
      : found.data === data || isModule(found.data)) &&
    (precision === "auto" || found.engine.precision === precision) &&
    isMadeWith(found, settings);
}
