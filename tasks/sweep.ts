/**
 * `deno task sweep`: trains and evaluates one run for each value of some choices, and
 * writes one report.
 *
 * @module
 */
import type {
  ResolvedConfig,
  TrainConfig,
} from "../src/checkpoint/run_config.ts";
import { COMPARED, isSameSetting } from "../src/checkpoint/settings.ts";
import { checkEvaluation } from "../src/evaluate/check_evaluation.ts";
import { methodNamed } from "../src/model/methods/methods.ts";
import { percent } from "../src/common/percent.ts";
import { evaluatedAlike } from "../src/report/comparison.ts";
import {
  lastOf,
  type Sign,
  SIGNS,
  signsOf,
} from "../src/report/correlation.ts";
import { readRuns } from "../src/report/run_record.ts";
import { prepareRun } from "../src/train/config.ts";
import { hasCheckpoint } from "../src/train/resume.ts";
import type { Command, Values } from "./cli/flags.ts";
import { main, setUpEngine, showPreparation } from "./cli/main.ts";
import {
  checkRun,
  keepPlan,
  makeFolder,
  readPlan,
  sharedOf,
} from "./cli/plan.ts";
import {
  checkMemory,
  evaluateInSeries,
  EVALUATION_FLAGS,
  evaluationOf,
  isTrained,
  trainRun,
} from "./cli/runs.ts";
import { makeSeries } from "./cli/series.ts";
import { configOf } from "./cli/train_choices.ts";
import { command as trainCommand } from "./cli/train_flags.ts";
import { type Variation, variationsOf } from "./cli/variations.ts";

/** Flags of `train` that make no sense for several runs. */
const NOT_SHARED: readonly string[] = [
  ...["resume", "config", "print-config", "dir", "msg", "dashboard"],
  ...[
    "probe",
    "tensorboard",
    "cluster",
    "task",
    "peer-timeout",
    "replicas",
    "sync-bn",
  ],
];

/** The flags of `train` that all runs have in common. */
const SHARED = Object.entries(trainCommand.flags)
  .filter(([name]) => !NOT_SHARED.includes(name));

/** The command line of `deno task sweep`. */
export const command: Command = {
  usage: "deno task sweep CHOICE=A,B [CHOICE=C,D …] [flags]",
  about:
    "Trains and evaluates one run with the flags as they are, and one for " +
    "each value of\neach choice; then writes one report: accuracy by each choice " +
    "and, from five runs\non, its rank correlation with the loss. Called again, it " +
    "resumes; without --grid\nmore choices add runs.",
  flags: {
    grid: { type: "switch", help: "every combination of the values" },
    ...EVALUATION_FLAGS,
    dir: {
      type: "text",
      value: "DIR",
      help: "folder of the runs and the report (default sweep/DATA)",
    },
    ...Object.fromEntries(SHARED),
  },
  aliases: trainCommand.aliases,
  arguments: true,
  examples: [
    "deno task sweep lr=0.1,1 patch-sim=50,800",
    "deno task sweep seed=1,2 --data cifar10 --epoch 2 --bs 50",
    "deno task sweep lr=0.1,0.3 bs=50,100 --grid --data folder --data-dir photos",
  ],
};

/** One run: its choices as given, and resolved for the data set. */
interface Planned extends Variation {
  choices: TrainConfig;
  resolved: ResolvedConfig;
}

/** The runs of the sweep, without those that are equal to an earlier one. */
async function planned(
  values: Values,
  variations: Variation[],
): Promise<Planned[]> {
  const shared = Object.fromEntries(
    SHARED.map(([name]) => [name, values[name]]),
  ) as Values;
  // Each run trains in this process alone, even if TF_CONFIG or Slurm name others.
  shared.cluster = "none";
  const all: Planned[] = [];
  for (const variation of variations) {
    const choices = configOf({ ...shared, ...variation.values });
    const onEvent = showPreparation();
    const { config: resolved } = await prepareRun(choices, { onEvent });
    const same = all.find((other) =>
      COMPARED.every((name) => isSameSetting(name, other.resolved, resolved))
    );
    if (same === undefined) all.push({ ...variation, choices, resolved });
    else console.log(`${variation.name} is the same as ${same.name}: run once`);
  }
  return all;
}

/** The final table, and how the training metrics correlate with accuracy. */
function summary(runs: string[]): string {
  const records = readRuns(runs);
  const names = Object.keys(SIGNS) as Sign[];
  const accuracies = evaluatedAlike(records)?.runs ?? [];
  const rows = records.map((record) => {
    const found = accuracies.find(({ run }) => run === record);
    return [
      record.name,
      percent(found?.linear),
      percent(found?.knn),
      ...names.map((sign) => lastOf(record.steps, sign).toPrecision(4)),
    ];
  });
  const head = ["run", "linear, %", "kNN, %", ...Object.values(SIGNS)];
  const lines = [head, ...rows].map((row) => row.join(" | "));
  for (const { sign, runs, correlation } of signsOf(records)) {
    lines.push(
      `Rank correlation of ${SIGNS[sign]} and linear accuracy: ` +
        `${correlation.toFixed(2)} over ${runs.length} runs`,
    );
  }
  return lines.join("\n");
}

/** See the module's description. */
export async function run(values: Values, choices: string[]): Promise<void> {
  const variations = variationsOf(choices, values.grid === true);
  const all = await planned(values, variations);
  const { data, engine, method } = all[0]!.choices;
  const methods = new Set(
    all.map(({ choices }) => methodNamed(choices.method)),
  );
  // Several methods are compared as those of views are evaluated.
  const { protocol, features } = methodNamed(
    methods.size > 1 ? "simclr" : method,
  );
  const kind = { protocol, features };
  const evaluation = evaluationOf(values, data);
  await checkEvaluation(all[0]!.resolved, evaluation);
  const dir = String(values.dir ?? `sweep/${data.replace(/\W+/g, "-")}`);
  await makeFolder(dir);
  const planPath = `${dir}/sweep.json`;
  // `sharedOf` leaves out --epoch, since it is a budget of `compare`.
  const { epoch } = values as { epoch?: number };
  const budget = epoch === undefined ? {} : { epoch };
  const plan = await readPlan(planPath, budget, sharedOf(values));
  for (const { name, resolved } of all) checkRun(`${dir}/${name}`, resolved);
  await setUpEngine({ engine });
  await checkMemory(
    all.filter(({ name }) => !hasCheckpoint(`${dir}/${name}`))
      .map(({ resolved }) => resolved),
  );
  keepPlan(planPath, plan);
  const byName = new Map(all.map((own) => [own.name, own.choices]));
  const series = { dir, names: [...byName.keys()], plan, planPath, engine };
  await makeSeries(series, async (name, { title, signal }) => {
    const run = `${dir}/${name}`;
    const isDone = isTrained(run) ||
      await trainRun(title, byName.get(name)!, run, signal);
    if (!isDone) return false;
    await evaluateInSeries(title, { run, kind, evaluation, engine }, signal);
    return true;
  }, (runs) => console.log(summary(runs)));
}

if (import.meta.main) await main(command, run);
