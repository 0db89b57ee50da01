/**
 * What an evaluation may change in the authors' protocol, and what it has changed.
 *
 * @module
 */
import { checkCount, checkPositive } from "../common/count.ts";
import type { EvaluateConfig } from "./evaluate_config.ts";
import { KNN, LINEAR_PROBE } from "./protocol.ts";

/** Choices of an evaluation that others have as the authors do. */
export type ProbeChoices = Pick<
  EvaluateConfig,
  "patchSize" | "lr" | "linearEpochs" | "knnK" | "knnTemperature"
>;

const AUTHORS = {
  lr: LINEAR_PROBE.lr,
  linearEpochs: LINEAR_PROBE.epochs,
  knnK: KNN.k,
  knnTemperature: KNN.temperature,
} as const;

const action = "evaluate with";

/** @throws {EmpSslError} `INVALID_ARGUMENT` for a value that is none. */
export function checkProbeChoices(choices: ProbeChoices): void {
  const { patchSize, linearEpochs, knnK } = choices;
  checkCount(patchSize, { action, subject: `--patch-size ${patchSize}` });
  checkCount(linearEpochs, {
    action,
    subject: `--linear-epochs ${linearEpochs}`,
  });
  checkCount(knnK, { action, subject: `--knn-k ${knnK}` });
  const { lr, knnTemperature } = choices;
  checkPositive(lr, { action, subject: `--lr ${lr}` });
  checkPositive(knnTemperature, {
    action,
    subject: `--knn-temperature ${knnTemperature}`,
  });
}

/**
 * The choices that differ from the authors', to be kept with a result.
 *
 * @param trained Side of the patches in training.
 * @returns Undefined where none differs.
 */
export function changedChoices(
  choices: ProbeChoices,
  trained: number,
): ProbeChoices | undefined {
  const usual = { ...AUTHORS, patchSize: trained };
  const changed = Object.entries(usual).flatMap(([name, value]) => {
    const own = choices[name as keyof ProbeChoices];
    return own === undefined || own === value ? [] : [[name, own] as const];
  });
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

/** The probes' settings with the user's choices. */
export function probesOf(
  { lr, linearEpochs, knnK, knnTemperature }: ProbeChoices,
) {
  return {
    linear: {
      ...LINEAR_PROBE,
      lr: lr ?? LINEAR_PROBE.lr,
      epochs: linearEpochs ?? LINEAR_PROBE.epochs,
    },
    knn: {
      k: knnK ?? KNN.k,
      temperature: knnTemperature ?? KNN.temperature,
    },
  };
}

/** In words, after those of the protocol: `, patches of 32, lr 0.1`. */
export function changedText(changed: ProbeChoices | undefined): string {
  const { patchSize, lr, linearEpochs, knnK, knnTemperature } = changed ?? {};
  return [
    patchSize && `patches of ${patchSize}`,
    lr && `lr ${lr}`,
    linearEpochs && `${linearEpochs} epochs`,
    knnK && `k ${knnK}`,
    knnTemperature && `T ${knnTemperature}`,
  ].filter(Boolean).map((text) => `, ${text}`).join("");
}
