/**
 * The training loop: starts the threads, makes the steps, keeps the run's
 * folder.
 *
 * @module
 */
import type { EngineName, EngineReport, Precision } from "../engine/engine.ts";
import { EmpSslError } from "../errors.ts";
import type { DatasetSource } from "../data/dataset.ts";
import { PatchStream } from "../stream/patch_stream.ts";
import { checkOwnName } from "./cluster.ts";
import { writeAtomically } from "./atomic_file.ts";
import { microBatchOf } from "./batch.ts";
import type { BatchView } from "./batch_view.ts";
import { type Compute, startCompute } from "./compute.ts";
import {
  clusterWish,
  resolveConfig,
  type ResolvedConfig,
  TRAIN_DEFAULTS,
  type TrainConfig,
  trainSource,
} from "./config.ts";
import { indexedSource } from "./image_index.ts";
import { parseSaveEvery } from "./save_every.ts";
import { MetricsLog } from "./metrics.ts";
import { resumedConfig, type ResumePoint, resumePoint } from "./resume.ts";
import type { Roster } from "./roster.ts";
import { RunFolder } from "./run_folder.ts";
import {
  callOthers,
  followOthers,
  isFollower,
  isTogether,
  type News,
} from "./together.ts";
import type { StepMetrics } from "./training_session.ts";

/** What a run tells as it goes. */
export type TrainEvent =
  | {
    type: "start";
    config: ResolvedConfig;
    engine: EngineReport;
    /** The run's folder; of several processes the first has it. */
    dir?: string;
    microBatch?: number;
    /** The step that comes first; 0 in a new run. */
    step: number;
    /** Newer checkpoints that could not be used, and why. */
    damaged: string[];
  }
  | {
    type: "step";
    metrics: StepMetrics;
    /** The batch, where `watch` wanted it. */
    view?: BatchView;
  }
  | { type: "checkpoint"; path: string; step: number; epoch?: number }
  | { type: "stopped"; step: number; dir?: string }
  | { type: "probe"; step: number; top1: number; top5: number }
  | { type: "skipped"; image: string; why: string };

/** Tests the model while it trains; see `evaluate/online_probe.ts`. */
export interface Probe {
  /** Steps between two tests; an epoch where it is not given. */
  every?: number;
  /** Refuses data that cannot be tested, before the run. */
  check(config: ResolvedConfig): Promise<void>;
  /**
   * Makes a test.
   *
   * @param compute The training worker (`Compute` of `train/compute.ts`), which
   * holds the model.
   */
  run(
    compute: unknown,
    config: ResolvedConfig,
  ): Promise<{ top1: number; top5: number }>;
}

/** What stands outside a run's configuration. */
export interface TrainOptions {
  /**
   * The folder of a run to go on with, exactly from its newest whole checkpoint.
   * Its configuration stays; only what does not change the numbers is taken
   * from `config`: `workers`, `saveEvery`, `keep`, `strict`, `threads`, and
   * `dataDir`, where the same data may lie elsewhere.
   */
  resume?: string;
  /** Tests the model now and then. */
  probe?: Probe;
  /** Ends the run after the step under way, with a checkpoint. */
  signal?: AbortSignal;
  /** Asked after each step whether its event is to carry the batch. */
  watch?: () => boolean;
}

/** A folder that is not taken: `runs/shapes-1`, `runs/shapes-2`, … */
function freeFolder(data: string, msg?: string): string {
  const note = msg ? `-${msg.replace(/[^\w.-]+/g, "_").slice(0, 40)}` : "";
  for (let n = 1;; n++) {
    const dir = `runs/${data}${note}-${n}`;
    try {
      Deno.statSync(dir);
    } catch {
      return dir;
    }
  }
}

/** Patch workers where the user names no number: the engine's cores are its own. */
export function defaultWorkers(device: string): number {
  const cores = navigator.hardwareConcurrency;
  return device === "GPU" ? Math.max(1, cores - 1) : Math.max(1, cores >> 2);
}

/**
 * Trains an encoder.
 *
 * @param config The user's choices; the rest is from `TRAIN_DEFAULTS`, the
 * paper's.
 * @param options A signal that ends the run, a probe.
 * @returns The run's events, in order; the run goes on as they are asked for.
 * @throws {EmpSslError} Before any work for what cannot be; later for what
 * breaks. With replicas a thread may then wait in TensorFlow for good: end the
 * program.
 *
 * @example Two steps on the embedded data set
 * ```ts ignore
 * import { train } from "./mod.ts";
 *
 * for await (const event of train({ limitImages: 40, bs: 20, epoch: 1 })) {
 *   if (event.type === "step") console.log(event.metrics.loss);
 * }
 * ```
 */
export async function* train(
  config: Partial<TrainConfig> = {},
  { signal, probe, resume, watch }: TrainOptions = {},
): AsyncGenerator<TrainEvent> {
  const goesOn = resume !== undefined;
  const { cluster: addresses, task = 0 } = config;
  if (addresses) await checkOwnName({ addresses, task });
  if (isFollower(config)) {
    const { roster, config: told } = await followOthers(config, goesOn);
    using _ = roster;
    const { step } = roster.news, source = trainSource(told);
    const run = { config: told, roster, step, source, signal, watch };
    yield* explained(
      roster,
      computing(told, (compute) => {
        checkReplicas(compute.report, roster.news);
        return steps({ ...run, compute });
      }, roster),
    );
    return;
  }
  const data = config.data ?? TRAIN_DEFAULTS.data;
  using folder = goesOn ? RunFolder.take(resume, "existing") : undefined;
  const from = goesOn ? resumePoint(resume) : undefined;
  const resolved = from === undefined
    ? await resolveConfig({ ...TRAIN_DEFAULTS, ...config })
    : await resumedConfig(from, config);
  await probe?.check(resolved);
  using fresh = folder
    ? undefined
    : RunFolder.take(config.dir ?? freeFolder(data, config.msg), "new");
  const { dir } = (folder ?? fresh)!;
  const step = from?.step ?? 0;
  const source = await indexedSource(trainSource(resolved), { dir, goesOn });
  yield* computing(resolved, async function* (compute) {
    // A run goes on in the number format that it began with.
    const { engine, precision } = compute.report;
    resolved.engine = engine as EngineName;
    resolved.precision = precision as Precision;
    const run = { dir, compute, config: resolved, step, source, from, probe };
    if (!isTogether(resolved)) {
      yield* steps({ ...run, signal, watch });
      return;
    }
    // What depends on a machine is decided once.
    const microBatch = microBatchOf(resolved, compute.report) ??
      resolved.numPatches;
    const news = {
      config: { ...resolved, microBatch },
      step,
      replicas: compute.report.replicas!.own,
    };
    using roster = await callOthers(config, news, goesOn);
    const all = steps({ ...run, roster, microBatch, signal, watch });
    yield* explained(roster, all);
  });
}

/** All processes need the same number of devices. */
function checkReplicas({ replicas }: EngineReport, news: News): void {
  if (replicas?.own === news.replicas) return;
  throw new EmpSslError({
    action: "train together with",
    subject: `${replicas?.own} replicas in this process`,
    found: `process 0 has ${news.replicas}`,
    remedy: "give all processes the same --replicas N",
    code: "INVALID_ARGUMENT",
  });
}

/** Work with an engine, which is closed afterwards. */
async function* computing(
  config: ResolvedConfig,
  work: (compute: Compute) => AsyncGenerator<TrainEvent>,
  roster?: Roster<News>,
): AsyncGenerator<TrainEvent> {
  const cluster = clusterWish(config);
  const start = startCompute({ ...config, cluster });
  const compute = await (roster?.guard(start) ?? start);
  let mayCompute = false;
  try {
    yield* work(compute);
  } catch (error) {
    // With replicas TensorFlow computes beside this thread, and may wait for
    // what will not come; its memory must not be freed: it ends with the program.
    mayCompute = cluster !== undefined;
    throw error;
  } finally {
    if (!mayCompute) compute.close();
  }
}

/** Events, and the true reason where they end in an error. */
async function* explained(
  roster: Roster<News>,
  events: AsyncGenerator<TrainEvent>,
): AsyncGenerator<TrainEvent> {
  try {
    yield* events;
  } catch (error) {
    throw await roster.explain(error);
  }
}

interface Run {
  /** The run's folder: only the first of several processes has one. */
  dir?: string;
  compute: Compute;
  config: ResolvedConfig;
  /** The step that comes first. */
  step: number;
  /** The images. */
  source: DatasetSource;
  /** Patches of an image at a time, where that was decided for all processes. */
  microBatch?: number;
  from?: ResumePoint;
  probe?: Probe;
  signal?: AbortSignal;
  watch?: () => boolean;
  /** The other processes, where there are some. */
  roster?: Roster<News>;
}

/** The run itself, from the folder and the engine on. */
async function* steps(run: Run): AsyncGenerator<TrainEvent> {
  const { dir, compute, config, step: first, from, probe, signal, watch } = run;
  const { roster, source } = run;
  const skipped: TrainEvent[] = [];
  await using stream = await PatchStream.open({
    source,
    recipe: config.recipe,
    patchSize: config.patchSize,
    images: config.bs,
    patches: config.numPatches,
    shuffle: true,
    seed: config.seed,
    firstBatch: first,
    endBatch: config.steps,
    share: roster && { index: config.task ?? 0, of: config.cluster!.length },
  }, {
    workers: config.workers ?? defaultWorkers(compute.report.device),
    strict: config.strict,
    onSkipped: (image, why) => skipped.push({ type: "skipped", image, why }),
  });
  const orFailed = <T>(work: Promise<T>): Promise<T> => {
    const guarded = stream.guard(compute.guard(work));
    return roster?.guard(guarded) ?? guarded;
  };
  const microBatch = await orFailed(
    compute.remote.startTraining(
      config,
      stream.handle,
      {
        from: from && { model: from.path, optimizer: from.optimizer },
        tensorBoard: config.tensorboard ? `${dir}/tensorboard` : undefined,
        watched: watch !== undefined,
        microBatch: run.microBatch,
      },
    ),
  );
  if (dir !== undefined) writeConfig(dir, config, compute.report);
  using log = dir === undefined
    ? undefined
    : new MetricsLog(`${dir}/metrics.jsonl`, first);
  yield {
    type: "start",
    config,
    engine: compute.report,
    dir,
    microBatch,
    step: first,
    damaged: from?.damaged ?? [],
  };
  const every = parseSaveEvery(config.saveEvery);
  let saved = performance.now();
  for (let step = first; step < config.steps; step++) {
    const wanted = signal?.aborted === true;
    const { stopping, ...metrics } = await orFailed(
      compute.remote.step(step, wanted),
    );
    log?.write(metrics);
    yield* skipped.splice(0);
    const view = watch?.() ? await orFailed(compute.remote.view()) : undefined;
    yield { type: "step", metrics, view };
    const done = step + 1;
    if (probe && done % (probe.every ?? config.stepsPerEpoch) === 0) {
      const { top1, top5 } = await orFailed(probe.run(compute, config));
      log?.write({ step, probe: { top1, top5 } });
      yield { type: "probe", step, top1, top5 };
    }
    // Processes stop after the same step, one that is alone after this one.
    const stops = roster ? stopping === true : signal?.aborted === true;
    const stopped = stops && done < config.steps;
    const endOfEpoch = done % config.stepsPerEpoch === 0;
    const due = endOfEpoch || stopped || done % every.steps === 0 ||
      performance.now() - saved >= every.milliseconds;
    if (due && dir !== undefined) {
      const path = await orFailed(compute.remote.save(dir, done));
      saved = performance.now();
      const epoch = endOfEpoch ? done / config.stepsPerEpoch : undefined;
      yield { type: "checkpoint", path, step: done, epoch };
    }
    if (stopped) {
      await roster?.leave();
      yield { type: "stopped", step: done, dir };
      return;
    }
  }
  await roster?.leave();
}

/** The run's choices and what they ran on, for its reader and for `--resume`. */
function writeConfig(
  dir: string,
  config: ResolvedConfig,
  report: EngineReport,
): void {
  const text = JSON.stringify({ ...config, report }, null, 2);
  const bytes = new TextEncoder().encode(text + "\n");
  writeAtomically(`${dir}/config.json`, bytes);
}
