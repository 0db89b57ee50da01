/**
 * The training loop: starts the threads, makes the steps, keeps the run's
 * folder.
 *
 * @module
 */
import type { EngineName, EngineReport, Precision } from "../engine/engine.ts";
import { PatchStream } from "../stream/patch_stream.ts";
import { writeAtomically } from "./atomic_file.ts";
import type { BatchView } from "./batch_view.ts";
import { type Compute, startCompute } from "./compute.ts";
import {
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
import { RunFolder } from "./run_folder.ts";
import type { StepMetrics } from "./training_session.ts";

/** What a run tells as it goes. */
export type TrainEvent =
  | {
    type: "start";
    config: ResolvedConfig;
    engine: EngineReport;
    dir: string;
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
  | { type: "stopped"; step: number; dir: string }
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
 * breaks.
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
  const data = config.data ?? TRAIN_DEFAULTS.data;
  using folder = resume === undefined
    ? undefined
    : RunFolder.take(resume, "existing");
  const from = resume === undefined ? undefined : resumePoint(resume);
  const resolved = from === undefined
    ? await resolveConfig({ ...TRAIN_DEFAULTS, ...config })
    : await resumedConfig(from, config);
  await probe?.check(resolved);
  using fresh = folder
    ? undefined
    : RunFolder.take(config.dir ?? freeFolder(data, config.msg), "new");
  const { dir } = (folder ?? fresh)!;
  const compute = await startCompute(resolved);
  try {
    // A run goes on in the number format that it began with.
    const { engine, precision } = compute.report;
    resolved.engine = engine as EngineName;
    resolved.precision = precision as Precision;
    const options = { from, probe, signal, watch };
    yield* steps({ dir, compute, config: resolved, ...options });
  } finally {
    compute.close();
  }
}

interface Run {
  dir: string;
  compute: Compute;
  config: ResolvedConfig;
  from?: ResumePoint;
  probe?: Probe;
  signal?: AbortSignal;
  watch?: () => boolean;
}

/** The run itself, from the folder and the engine on. */
async function* steps(run: Run): AsyncGenerator<TrainEvent> {
  const { dir, compute, config, from, probe, signal, watch } = run;
  const skipped: TrainEvent[] = [];
  const first = from?.step ?? 0;
  const source = await indexedSource(trainSource(config), {
    dir,
    goesOn: from !== undefined,
  });
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
  }, {
    workers: config.workers ?? defaultWorkers(compute.report.device),
    strict: config.strict,
    onSkipped: (image, why) => skipped.push({ type: "skipped", image, why }),
  });
  const orFailed = <T>(work: Promise<T>): Promise<T> =>
    stream.guard(compute.guard(work));
  const microBatch = await orFailed(
    compute.remote.startTraining(
      config,
      stream.handle,
      {
        from: from && { model: from.path, optimizer: from.optimizer },
        tensorBoard: config.tensorboard ? `${dir}/tensorboard` : undefined,
        watched: watch !== undefined,
      },
    ),
  );
  const text = JSON.stringify({ ...config, report: compute.report }, null, 2);
  writeAtomically(
    `${dir}/config.json`,
    new TextEncoder().encode(text + "\n"),
  );
  using log = new MetricsLog(`${dir}/metrics.jsonl`, first);
  const engine = compute.report;
  yield {
    type: "start",
    config,
    engine,
    dir,
    microBatch,
    step: first,
    damaged: from?.damaged ?? [],
  };
  const every = parseSaveEvery(config.saveEvery);
  let saved = performance.now();
  for (let step = first; step < config.steps; step++) {
    const metrics = await orFailed(compute.remote.step(step));
    log.write(metrics);
    yield* skipped.splice(0);
    const view = watch?.() ? await orFailed(compute.remote.view()) : undefined;
    yield { type: "step", metrics, view };
    const done = step + 1;
    if (probe && done % (probe.every ?? config.stepsPerEpoch) === 0) {
      const { top1, top5 } = await orFailed(probe.run(compute, config));
      log.write({ step, probe: { top1, top5 } });
      yield { type: "probe", step, top1, top5 };
    }
    const stopped = signal?.aborted === true && done < config.steps;
    const endOfEpoch = done % config.stepsPerEpoch === 0;
    if (
      endOfEpoch || stopped || done % every.steps === 0 ||
      performance.now() - saved >= every.milliseconds
    ) {
      const path = await orFailed(compute.remote.save(dir, done));
      saved = performance.now();
      const epoch = endOfEpoch ? done / config.stepsPerEpoch : undefined;
      yield { type: "checkpoint", path, step: done, epoch };
    }
    if (stopped) {
      yield { type: "stopped", step: done, dir };
      return;
    }
  }
}
