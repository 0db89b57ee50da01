/**
 * The training loop of a run: batches from the patch workers, steps, checkpoints,
 * probes, the files in the run's folder.
 *
 * @module
 */
import type { DatasetSource } from "../data/dataset.ts";
import { CacheUsage, withUsage } from "../data/decoded_cache.ts";
import type { EngineReport } from "../engine/engine.ts";
import { untilAborted } from "../common/call_options.ts";
import { PatchStream } from "../stream/patch_stream.ts";
import { writeAtomically } from "../common/atomic_file.ts";
import type { Compute } from "../engine/compute.ts";
import { defaultWorkers } from "../stream/worker_count.ts";
import { type SizePhase, sizePhases } from "../stream/patch_sizes.ts";
import type { NextBatches, TrainingCalls } from "./training_calls.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import type { Probe, TrainEvent } from "./events.ts";
import { MetricsLog } from "./metrics.ts";
import type { ResumePoint } from "./resume.ts";
import type { Peers } from "../cluster/heartbeat.ts";
import { parseSaveEvery } from "./save_every.ts";
import type { RunPlan } from "../cluster/agreement.ts";

/** The inputs of the training loop. */
export interface Run {
  /** The run's folder: of several processes only process 0 has one. */
  dir?: string;
  compute: Compute;
  config: ResolvedConfig;
  /** The first step. */
  step: number;
  /** The images. */
  source: DatasetSource;
  from?: ResumePoint;
  probe?: Probe;
  signal?: AbortSignal;
  includeBatch?: () => boolean;
  /** The other processes, if any. */
  peers?: Peers<RunPlan>;
}

/**
 * If a step on a GPU takes less than this many seconds, the next step begins before its
 * metrics are reported. Longer steps would gain nothing, and an interrupted run would
 * have to finish two of them. A CPU gains nothing either, since JavaScript uses it too
 * (a step of a narrow network: 99 and 105 ms with this overlap, 113 and 99 ms without).
 */
const SHORT_STEP = 1;

/** The training loop, which yields the run's events. */
export async function* steps(run: Run): AsyncGenerator<TrainEvent> {
  const {
    dir,
    compute,
    config,
    step: first,
    from,
    probe,
    signal,
    includeBatch,
    peers,
  } = run;
  const source = await withUsage(run.source), { cache } = source;
  const usage = cache && new CacheUsage(cache.usage);
  const calls = compute.calls<TrainingCalls>();
  const skipped: TrainEvent[] = [];
  const onSkipped = (image: string, why: string) =>
    skipped.push({ type: "skipped", image, why });
  const failed = new Set<number>();
  const open = (phase: SizePhase) =>
    PatchStream.open({
      source,
      recipe: config.views ?? config.recipe,
      patchSize: phase.patchSize,
      images: config.bs,
      patches: config.numPatches,
      shuffle: true,
      seed: config.seed,
      firstBatch: phase.first,
      endBatch: phase.end,
      share: peers && { index: config.task ?? 0, of: config.cluster!.length },
    }, {
      workers: config.workers ?? defaultWorkers(compute.report.device),
      strict: config.strict,
      onSkipped,
      failed,
    });
  const phases = sizePhases(config, first);
  let phase = phases.shift()!;
  let stream = await open(phase);
  await using _ = { [Symbol.asyncDispose]: () => stream.close() };
  const batches = (): NextBatches => ({ handle: stream.handle, ...phase });
  const orFailed = <T>(work: Promise<T>): Promise<T> => {
    const guarded = stream.guard(compute.guard(work));
    return peers?.guard(guarded) ?? guarded;
  };
  // TensorFlow then waits a limited time for the devices of all processes.
  if (peers) await orFailed(untilAborted(peers.ready(), signal));
  const microBatch = await orFailed(
    calls.startTraining(
      config,
      batches(),
      {
        from: from && { model: from.path, optimizer: from.optimizer },
        tensorBoard: config.tensorboard ? `${dir}/tensorboard` : undefined,
        watched: includeBatch !== undefined,
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
    source,
    engine: compute.report,
    dir,
    microBatch,
    step: first,
    patchSize: phase.patchSize,
    damaged: from?.damaged ?? [],
  };
  const every = parseSaveEvery(config.saveEvery);
  let saved = performance.now();
  const ownDevice = compute.report.device !== "CPU";
  const save = async function* (done: number): AsyncGenerator<TrainEvent> {
    // Before the checkpoint, which a resumed run goes on from.
    log?.sync();
    const path = dir && await orFailed(calls.save(dir, done));
    // Also in processes without a folder, so that all measure the same interval.
    saved = performance.now();
    const epochs = done / config.stepsPerEpoch;
    const epoch = done > 0 && Number.isInteger(epochs) ? epochs : undefined;
    if (path) yield { type: "checkpoint", path, step: done, epoch };
  };
  // The initial weights alone, such as those of another program.
  if (config.steps === 0 && from === undefined) yield* save(0);
  let isShort = false, stopAfter: number | undefined;
  for (let step = first; step < config.steps; step++) {
    if (step === phase.end) {
      phase = phases.shift()!;
      await stream.close();
      stream = await open(phase);
      await orFailed(calls.continueTraining(batches()));
      yield { type: "resize", step, patchSize: phase.patchSize };
    }
    const done = step + 1;
    const endOfEpoch = done % config.stepsPerEpoch === 0;
    const probes = probe !== undefined &&
      done % (probe.every ?? config.stepsPerEpoch) === 0;
    const isLate = () => performance.now() - saved >= every.milliseconds;
    // Also at the end of a phase: larger patches may not fit into memory.
    const isDue = endOfEpoch || done === phase.end ||
      done % every.steps === 0 || isLate();
    const stop = signal?.aborted === true;
    const ahead: boolean = isShort && !isDue && !probes && !stop &&
      stopAfter === undefined && done < phase.end;
    const { stopping, ...metrics } = await orFailed(
      calls.step(step, { stop, ahead }),
    );
    isShort = ownDevice && metrics.computeSeconds < SHORT_STEP;
    log?.write(metrics);
    const reason = usage?.takeReason();
    if (reason !== undefined) {
      const message = "No more images are added to the cache " +
        `${source.cache!.dir}: ${reason}`;
      yield { type: "warning", message };
    }
    yield* skipped.splice(0);
    const view = includeBatch?.() ? await orFailed(calls.view()) : undefined;
    yield { type: "step", metrics, view };
    // All processes stop after the same step: the one after the step in which they
    // agreed to stop, since some have already begun it.
    if (peers ? stopping === true : signal?.aborted === true) {
      stopAfter ??= ahead || peers !== undefined ? done + 1 : done;
    }
    const stopped = done === stopAfter && done < config.steps;
    const saves = isDue || stopped || !ahead && isLate();
    if (saves) yield* save(done);
    // After the checkpoint, so that a failing probe does not lose an epoch.
    if (probes) {
      const { top1, top5 } = await orFailed(
        probe.run(compute, config, onSkipped, phase.patchSize),
      );
      yield* skipped.splice(0);
      log?.write({ step, probe: { top1, top5 } });
      yield { type: "probe", step, top1, top5 };
    }
    // The caller may have aborted at one of these two events.
    const stopsNow = !ahead && peers === undefined && done < config.steps &&
      signal?.aborted === true;
    if (stopsNow && !saves) yield* save(done);
    if (stopped || stopsNow) {
      await peers?.finish();
      await orFailed(calls.endTraining());
      yield { type: "stopped", step: done, dir };
      return;
    }
  }
  await peers?.finish();
  await orFailed(calls.endTraining());
}

/** Writes the run's configuration and the engine's report to `config.json`. */
function writeConfig(
  dir: string,
  config: ResolvedConfig,
  report: EngineReport,
): void {
  const text = JSON.stringify({ ...config, report }, null, 2);
  writeAtomically(`${dir}/config.json`, text + "\n");
}
