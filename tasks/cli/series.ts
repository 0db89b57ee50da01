/**
 * Makes several runs one after another, for `deno task compare` and `sweep`. An
 * interrupt stops the series; a run that collapses or diverges is left out.
 *
 * @module
 */
import { resolve } from "node:path";
import type { EngineChoice } from "../../src/engine/engine.ts";
import { exists } from "../../src/common/files.ts";
import { codeOf, messageOf } from "../../src/common/errors.ts";
import { writeReport } from "../../src/report/report.ts";
import { keepPlan, type Plan, planError } from "./plan.ts";
import { formatSeconds } from "./progress.ts";
import { listen } from "./signals.ts";

/** The runs of a series, and their plan. */
export interface Series {
  /** The folder that contains the runs' folders. */
  dir: string;
  /** The names of the runs, in order. */
  names: string[];
  plan: Plan;
  /** The file of the plan. */
  planPath: string;
  engine: EngineChoice;
}

/**
 * Makes the runs, prints which ones are left out, and writes a report on the others.
 *
 * @param makeRun Trains and evaluates a run, or resumes it; false if the signal stopped
 * the run.
 * @param tell Receives the folders of the runs, before the report is written.
 */
export async function makeSeries(
  { dir, names, plan, planPath, engine }: Series,
  makeRun: (
    name: string,
    told: { title: string; signal: AbortSignal },
  ) => Promise<boolean>,
  tell: (runs: string[]) => void,
): Promise<void> {
  const begin = performance.now();
  const controller = new AbortController(), { signal } = controller;
  const outcome = listen(controller);
  const stopped = (): never => {
    console.log("Stopped. Run the same command again to resume.");
    Deno.exit(outcome.code || 1);
  };
  for (const [i, name] of names.entries()) {
    // A failed run whose folder was deleted is tried again.
    if (plan.failed[name] !== undefined) {
      if (await exists(`${dir}/${name}`)) continue;
      delete plan.failed[name];
      keepPlan(planPath, plan);
    }
    const title = `${i + 1}/${names.length} ${name}`;
    try {
      if (!await makeRun(name, { title, signal })) stopped();
    } catch (error) {
      if (signal.aborted && error === signal.reason) stopped();
      if (!["COLLAPSED", "NOT_FINITE"].includes(codeOf(error) ?? "")) {
        throw error;
      }
      // The remaining runs are still made.
      plan.failed[name] = messageOf(error);
      keepPlan(planPath, plan);
    }
  }
  outcome.stop();
  const failed = names.filter((name) => plan.failed[name] !== undefined);
  for (const name of failed) {
    console.error(
      `${name} is left out: ${plan.failed[name]}; to try again delete ` +
        `${dir}/${name}`,
    );
  }
  const runs = names.filter((name) => !failed.includes(name))
    .map((name) => `${dir}/${name}`);
  if (runs.length === 0) {
    throw planError(
      "nothing",
      "no run could be trained",
      "see the errors above",
    );
  }
  tell(runs);
  const out = `${dir}/report.html`;
  const { missing } = await writeReport({ runs, out, engine });
  for (const what of missing) console.error(`The report lacks ${what}`);
  const seconds = (performance.now() - begin) / 1000;
  console.log(`${runs.length} runs in ${formatSeconds(seconds)}`);
  console.log(`Report: ${resolve(out)}`);
}
