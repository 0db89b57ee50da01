/**
 * How accuracy changes with one choice, among runs that differ in nothing else.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { IDENTITY } from "../checkpoint/run_config.ts";
import { evaluatedAlike } from "./comparison.ts";
import type { RunRecord } from "./run_record.ts";

/** Settings that follow from others. */
const DERIVED: readonly string[] = ["images"];
/** Values of a choice from which on a curve is drawn. */
const FEWEST = 3;

/** Runs that differ in one choice. */
export interface Sensitivity {
  /** The choice, as a configuration names it. */
  choice: string;
  /** How they were evaluated. */
  kind: string;
  /** Each value with its accuracies, 0 to 1, in order. */
  points: { value: number; linear?: number; knn?: number }[];
}

/** The settings in which two runs differ. */
function differences(a: RunRecord, b: RunRecord): string[] {
  return IDENTITY.filter((name) =>
    !DERIVED.includes(name) &&
    !isDeepStrictEqual(a.config[name], b.config[name])
  );
}

/**
 * For each choice with a number, in which some runs differ from the first and from
 * each other and in nothing else: their accuracies. Seeds count too.
 */
export function sensitivities(records: RunRecord[]): Sensitivity[] {
  const alike = evaluatedAlike(records);
  const first = alike?.runs.find(({ run }) => run === records[0]);
  if (alike === undefined || first === undefined) return [];
  const byChoice = new Map<string, Sensitivity["points"]>();
  for (const { run, linear, knn } of alike.runs) {
    const [choice, more] = differences(first.run, run);
    if (choice === undefined || more !== undefined) continue;
    const valueOf = ({ config }: RunRecord) =>
      config[choice as keyof typeof config];
    const value = valueOf(run), usual = valueOf(first.run);
    if (typeof value !== "number" || typeof usual !== "number") continue;
    if (!byChoice.has(choice)) {
      const { linear, knn } = first;
      byChoice.set(choice, [{ value: usual, linear, knn }]);
    }
    byChoice.get(choice)!.push({ value, linear, knn });
  }
  return [...byChoice].filter(([, points]) => points.length >= FEWEST)
    .map(([choice, points]) => ({
      choice,
      kind: alike.kind,
      points: points.toSorted((a, b) => a.value - b.value),
    }));
}
