/**
 * `deno task train`: trains an encoder.
 *
 * @module
 */
import { EmpSslError } from "../src/common/errors.ts";
import { flagError } from "../src/common/flag_error.ts";
import { onlineProbe } from "../src/evaluate/online_probe.ts";
import { modelOf } from "../src/model/model_of.ts";
import { tensorSpecs } from "../src/model/parameters.ts";
import { type PreparedRun, prepareRun } from "../src/train/config.ts";
import { clusterWish, validateConfig } from "../src/train/validate.ts";
import {
  type ResolvedConfig,
  type TrainConfig,
} from "../src/checkpoint/run_config.ts";
import { checkInitialWeights } from "../src/checkpoint/initial_weights.ts";
import {
  isUnsavedRunLike,
  newestRunLike,
  resumePoint,
} from "../src/train/resume.ts";
import { checkUnchanged } from "../src/train/unchanged.ts";
import { removeUnsavedRun } from "../src/checkpoint/run_folder.ts";
import { isClustered, isFollower } from "../src/cluster/agreement.ts";
import type { Probe, TrainEvent } from "../src/train/events.ts";
import { train } from "../src/train/train.ts";
import type { Values } from "./cli/flags.ts";
import { exit, exitWithoutCleanup } from "./cli/exit.ts";
import { main, quotePath, setUpEngine, showPreparation } from "./cli/main.ts";
import { closeLivePage, dashboardOf } from "./cli/live_page.ts";
import { asTyped } from "./cli/program.ts";
import { listen, SIGNALS } from "./cli/signals.ts";
import { configOf, givenOf } from "./cli/train_choices.ts";
import { command } from "./cli/train_flags.ts";
import { TrainOutput } from "./cli/train_output.ts";

export { command };

/** The probe that `--probe` asks for. */
function probeOf(values: Values): Probe | undefined {
  const { probe } = values;
  if (probe === undefined) return undefined;
  if (probe === "epoch") return onlineProbe();
  const every = Number(probe);
  if (Number.isInteger(every) && every >= 1) return onlineProbe({ every });
  throw new EmpSslError({
    action: "train with",
    subject: `--probe ${probe}`,
    found: "it is not a number of steps",
    remedy: "give a whole number from 1 up, or epoch",
    code: "INVALID_ARGUMENT",
  });
}

/** The newest run with the same choices as this one. */
function findLike(resolved: ResolvedConfig): string | undefined {
  let folders: string[] = [];
  if (resolved.dir !== undefined) folders = [resolved.dir];
  else {
    try {
      folders = [...Deno.readDirSync("runs")].map((e) => `runs/${e.name}`);
    } catch {
      // There is no folder of runs yet.
    }
  }
  const found = newestRunLike(folders, resolved);
  if (found === undefined && resolved.dir !== undefined) {
    const { dir } = resolved;
    if (isUnsavedRunLike(dir, resolved)) removeUnsavedRun(dir);
  }
  console.log(
    found === undefined
      ? "No matching run to resume: starting a new one"
      : `Resuming ${found}`,
  );
  return found;
}

/** Reports which tensors `--init` does not provide, before the run. */
function checkInit(config: ResolvedConfig): void {
  const { init } = config, specs = tensorSpecs(modelOf(config));
  const fresh = checkInitialWeights(specs, config);
  if (fresh.length > 0) {
    console.log(
      `${fresh.length} of ${specs.length} tensors are not in ${init} and start ` +
        `at random: ${fresh.slice(0, 3).join(", ")}${
          fresh.length > 3 ? " …" : ""
        }`,
    );
  }
}

/** Passes events on; `leave` is called if a signal has ended the preparation. */
async function* untilStopped(
  events: AsyncIterable<TrainEvent>,
  signal: AbortSignal,
  leave: () => void,
): AsyncGenerator<TrainEvent> {
  try {
    yield* events;
  } catch (error) {
    if (signal.aborted && error === signal.reason) leave();
    throw error;
  }
}

/** Runs a process other than process 0; prints its start and skipped images. */
async function follow(
  config: Partial<TrainConfig>,
  resume: string | undefined,
): Promise<void> {
  await setUpEngine({ engine: "tensorflow" });
  const controller = new AbortController();
  const outcome = listen(controller);
  const { signal } = controller;
  const events = train(config, { resume, signal });
  const leave = () => exit(outcome.code);
  const output = new TrainOutput();
  for await (const event of untilStopped(events, signal, leave)) {
    output.show(event);
    if (event.type === "stopped") exit(outcome.code || SIGNALS.SIGINT);
  }
  outcome.stop();
}

/**
 * Trains with output on the terminal.
 *
 * @param again The command that resumes it, where it is not `train --resume`.
 * @returns Whether the whole run was made without a signal; one in the last step comes
 * too late to stop it.
 */
export async function trainHere(
  values: Values,
  again?: string,
): Promise<boolean> {
  const config = configOf(values), probe = probeOf(values);
  if (values["print-config"]) {
    if (values.resume !== undefined) {
      throw flagError(
        `--print-config with --resume ${values.resume}`,
        "a resumed run has its own configuration",
        "read config.json in its folder",
      );
    }
    const { config: resolved } = await prepareRun(config, {
      onEvent: showPreparation(),
    });
    await probe?.check(resolved);
    checkInitialWeights(tensorSpecs(modelOf(resolved)), resolved);
    console.log(JSON.stringify(resolved, null, 2));
    return true;
  }
  if (clusterWish(config) !== undefined) exitWithoutCleanup();
  // Errors in the choices are reported before the engine is set up.
  const given = givenOf(values, config);
  let resume = values.resume as string | undefined;
  if (
    values.config !== undefined && resume !== undefined && resume !== "auto"
  ) {
    throw flagError(
      `--config with --resume ${resume}`,
      "the run has its own configuration",
      "leave one of them out",
    );
  }
  if (resume === "auto" && isClustered(config)) {
    throw new EmpSslError({
      action: "resume",
      subject: "the newest matching run in several processes",
      found: "each process might choose a different run",
      remedy: "name the run's folder",
      code: "INVALID_ARGUMENT",
    });
  }
  if (isFollower(config)) {
    const { cluster, task } = config;
    await follow(resume ? { ...given, cluster, task } : config, resume);
    return true;
  }
  const dashboard = await dashboardOf(values);
  let choices: Partial<TrainConfig> = config, { engine } = config;
  let prepared: PreparedRun | undefined;
  const { dir, msg } = values;
  if (resume !== undefined && resume !== "auto" && (dir ?? msg) !== undefined) {
    throw flagError(
      `${dir === undefined ? "--msg" : "--dir"} with --resume ${resume}`,
      "the run has its own folder and note",
      "leave it out, or start a new run with --init",
    );
  }
  // With several processes the run is prepared below, after process 0 has begun to
  // listen: the others wait only for the peer timeout.
  if (!isClustered(config) && (resume === undefined || resume === "auto")) {
    prepared = await prepareRun(config, { onEvent: showPreparation() });
    await probe?.check(prepared.config);
    checkInit(prepared.config);
    resume = resume === "auto" ? findLike(prepared.config) : undefined;
    choices = { ...config, dataDir: prepared.config.dataDir };
  }
  if (resume !== undefined) {
    const stored = resumePoint(resume).config;
    checkUnchanged(resume, stored, given);
    const { cluster, task } = config;
    choices = { ...given, cluster, task };
    const replicas = cluster ? undefined : stored.replicas;
    const both = { ...stored, replicas, ...choices };
    validateConfig(both);
    if (clusterWish(both) !== undefined) exitWithoutCleanup();
    engine = stored.engine;
  }
  await setUpEngine({ engine });
  const controller = new AbortController();
  const outcome = listen(controller);
  const begin = performance.now();
  const output = new TrainOutput();
  const { signal } = controller;
  const includeBatch = dashboard && (() => dashboard.wants());
  const events = train(choices, {
    ...{ probe, resume, prepared },
    ...{ signal, includeBatch, onPrepare: showPreparation() },
  });
  const leave = () => exit(outcome.code);
  for await (const event of untilStopped(events, signal, leave)) {
    await dashboard?.show(event);
    output.show(event);
    if (event.type !== "stopped") continue;
    await closeLivePage(dashboard);
    console.log(`Stopped after step ${event.step}. Resume with`);
    console.log(
      asTyped(
        `  ${again ?? `deno task train --resume ${quotePath(event.dir!)}`}`,
      ),
    );
    if (isClustered(config)) {
      console.log("alone, or with --cluster and --task in each process");
    }
    // If no signal was received here, another process of the cluster stopped the run.
    exit(outcome.code || SIGNALS.SIGINT);
  }
  const seconds = (performance.now() - begin) / 1000;
  await closeLivePage(dashboard);
  const { folder, data } = output;
  console.log(`Trained; the run is in ${folder}`);
  for (const line of output.summary.lines(seconds)) console.log(line);
  console.log("Next:");
  const path = quotePath(folder);
  const next = [
    // Images without labels have no accuracy; a folder's may have labels or not.
    data !== "images" && `evaluate --model-path ${path}`,
    (data === "images" || data === "folder") &&
    `embed --model-path ${path} --data-dir PHOTOS --out features.npy`,
    `export --model-path ${path} --format onnx`,
  ].filter((line) => line !== false);
  for (const line of next) console.log(asTyped(`  deno task ${line}`));
  outcome.stop();
  return outcome.code === 0;
}

/** See the module's description. */
export async function run(values: Values): Promise<void> {
  await trainHere(values);
}

if (import.meta.main) await main(command, run);
