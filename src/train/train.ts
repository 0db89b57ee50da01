/**
 * The training loop: starts the threads, makes the steps, keeps the run's
 * folder.
 *
 * @module
 */
import type { EngineReport } from "../engine/engine.ts";
import { EmpSslError, messageOf } from "../errors.ts";
import { PatchStream } from "../stream/patch_stream.ts";
import { checkpointName, writeAtomically } from "./checkpoint.ts";
import { type Compute, startCompute } from "./compute.ts";
import {
  resolveConfig,
  type ResolvedConfig,
  TRAIN_DEFAULTS,
  type TrainConfig,
  trainSource,
} from "./config.ts";
import { MetricsLog } from "./metrics.ts";
import type { StepMetrics } from "./training_session.ts";

/** What a run tells as it goes. */
export type TrainEvent =
  | {
    type: "start";
    config: ResolvedConfig;
    engine: EngineReport;
    dir: string;
    microBatch?: number;
  }
  | { type: "step"; metrics: StepMetrics }
  | { type: "checkpoint"; path: string; epoch: number }
  | { type: "probe"; step: number; top1: number; top5: number }
  | { type: "skipped"; image: string; why: string };

/** Tests the model while it trains; see `evaluate/online_probe.ts`. */
export interface Probe {
  /** Steps between two tests; an epoch where it is not given. */
  every?: number;
  /** Refuses data that cannot be tested, before the run. */
  check(config: ResolvedConfig): Promise<void>;
  /** Makes a test. */
  run(
    compute: Compute,
    config: ResolvedConfig,
  ): Promise<{ top1: number; top5: number }>;
}

/** What stands outside a run's configuration. */
export interface TrainOptions {
  /** Tests the model now and then. */
  probe?: Probe;
  /** Ends the run after the step under way. */
  signal?: AbortSignal;
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

/** Makes the run's folder; refuses one that already holds a run. */
function makeFolder(dir: string): void {
  let found: string;
  try {
    Deno.mkdirSync(dir, { recursive: true });
    const names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
    if (!names.some((n) => n === "config.json" || n === "metrics.jsonl")) {
      return;
    }
    found = "it already holds a run";
  } catch (error) {
    found = messageOf(error);
  }
  throw new EmpSslError({
    action: "write a run to",
    subject: dir,
    found,
    remedy: "name another folder with --dir",
    code: "INVALID_ARGUMENT",
  });
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
  { signal, probe }: TrainOptions = {},
): AsyncGenerator<TrainEvent> {
  const resolved = await resolveConfig({ ...TRAIN_DEFAULTS, ...config });
  await probe?.check(resolved);
  const dir = (config.dir ?? freeFolder(resolved.data, config.msg))
    .replace(/(?<=.)\/+$/, "");
  makeFolder(dir);
  const compute = await startCompute(resolved);
  try {
    const skipped: TrainEvent[] = [];
    await using stream = await PatchStream.open({
      source: trainSource(resolved),
      recipe: resolved.recipe,
      patchSize: resolved.patchSize,
      images: resolved.bs,
      patches: resolved.numPatches,
      shuffle: true,
      seed: resolved.seed,
      firstBatch: 0,
      endBatch: resolved.steps,
    }, {
      workers: config.workers ?? defaultWorkers(compute.report.device),
      strict: config.strict,
      onSkipped: (image, why) => skipped.push({ type: "skipped", image, why }),
    });
    const orFailed = <T>(work: Promise<T>): Promise<T> =>
      Promise.race([work, stream.failed, compute.died]);
    const microBatch = await orFailed(
      compute.remote.startTraining(resolved, stream.handle),
    );
    writeAtomically(
      `${dir}/config.json`,
      new TextEncoder().encode(
        JSON.stringify({ ...resolved, engine: compute.report }, null, 2) + "\n",
      ),
    );
    using log = new MetricsLog(`${dir}/metrics.jsonl`);
    const engine = compute.report;
    yield { type: "start", config: resolved, engine, dir, microBatch };
    for (let step = 0; step < resolved.steps; step++) {
      signal?.throwIfAborted();
      const metrics = await orFailed(compute.remote.step(step));
      log.write(metrics);
      yield* skipped.splice(0);
      yield { type: "step", metrics };
      if ((step + 1) % resolved.stepsPerEpoch === 0) {
        const epoch = metrics.epoch + 1;
        const path = `${dir}/${checkpointName(epoch)}`;
        await orFailed(compute.remote.save(path, step + 1));
        yield { type: "checkpoint", path, epoch };
      }
      if (probe && (step + 1) % (probe.every ?? resolved.stepsPerEpoch) === 0) {
        const { top1, top5 } = await orFailed(probe.run(compute, resolved));
        log.write({ step, probe: { top1, top5 } });
        yield { type: "probe", step, top1, top5 };
      }
    }
  } finally {
    compute.close();
  }
}
