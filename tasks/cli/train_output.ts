/**
 * The terminal output of a run.
 *
 * @module
 */
import { cacheBytes } from "../../src/data/decoded_cache.ts";
import type { EngineReport } from "../../src/engine/engine.ts";
import type { ResolvedConfig } from "../../src/checkpoint/run_config.ts";
import { percentSigned } from "../../src/common/percent.ts";
import { patchSizesInWords, workOf } from "../../src/stream/patch_sizes.ts";
import type { StepMetrics, TrainEvent } from "../../src/train/events.ts";
import { Progress } from "./progress.ts";
import { Summary } from "./summary.ts";

/** `, 4 replicas in 2 processes`; empty without replicas. */
function replicasText({ cluster }: ResolvedConfig, engine: EngineReport) {
  if (engine.replicas === undefined) return "";
  const { count } = engine.replicas, processes = cluster?.length ?? 1;
  const of = processes > 1 ? `${processes} processes` : "one process";
  return `, ${count} replicas in ${of}`;
}

/** Prints the description of a run when it starts. */
function showStart(event: TrainEvent & { type: "start" }): void {
  const { config: c, engine, dir, microBatch, step, damaged } = event;
  if (dir === undefined) {
    console.log(
      `Process ${c.task} of ${c.cluster?.length} is training; process 0 logs ` +
        "the progress",
    );
    if (engine.warning) console.error(`Warning: ${engine.warning}`);
    return;
  }
  console.log(
    `Training ${c.arch} on ${c.data}: ${c.images} images, ${c.bs} × ` +
      `${c.numPatches} ${patchSizesInWords(c)} a step, ` +
      `${c.steps} steps`,
  );
  console.log(
    `${engine.engine} ${engine.version} on ` +
      `${engine.deviceName ?? engine.device}, ${engine.precision}${
        replicasText(c, engine)
      }; run in ${dir}`,
  );
  const { cache } = event.source;
  if (cache !== undefined) {
    const most = Math.min(cacheBytes(c.images, cache), cache.limit ?? Infinity);
    const gigabytes = (most / 1e9).toFixed(1);
    console.log(
      `Decoded images are kept in ${cache.dir}: up to ${gigabytes} GB`,
    );
  }
  for (const fault of damaged) {
    console.error(`Skipped a damaged checkpoint: ${fault}`);
  }
  if (engine.warning) console.error(`Warning: ${engine.warning}`);
  if (step > 0) {
    console.log(
      `Resuming after step ${step} with its weights, momentum and place in the data`,
    );
  } else if (c.init !== undefined) {
    console.log(
      `Starting a new run from only the weights of ${c.init}`,
    );
  }
  if (microBatch !== undefined) {
    console.log(
      `Each step in ${c.numPatches / microBatch} micro-batches of ` +
        `${c.bs} × ${microBatch} patches`,
    );
  }
}

/** The metrics of a step; its two times show the bottleneck. */
function stepLine(metrics: StepMetrics): string {
  const { loss, invariance, tcr, lr, patchesPerSecond } = metrics;
  const { computeSeconds, waitSeconds } = metrics;
  return `loss ${loss.toFixed(2)} · invariance ${invariance.toFixed(3)} · ` +
    `TCR ${tcr.toFixed(1)} · lr ${lr.toFixed(4)} · ` +
    `${patchesPerSecond.toFixed(0)} patches/s · ` +
    `step ${computeSeconds.toFixed(1)} s + wait ${waitSeconds.toFixed(1)} s`;
}

/** Prints the events of a run. */
export class TrainOutput {
  #progress: Progress | undefined;
  /** What is printed at the end. */
  readonly summary = new Summary();
  /** The run's folder, once it has started; empty in processes other than process 0. */
  folder = "";
  /** The run's data set, once it has started. */
  data = "";

  /** Prints an event; `stopped` is left to the caller. */
  show(event: TrainEvent): void {
    switch (event.type) {
      case "start": {
        const { config, dir } = event;
        showStart(event);
        if (dir === undefined) return;
        this.data = config.data;
        this.folder = dir;
        this.#progress = new Progress("train", config.steps)
          .weighted((steps) => workOf(config, steps));
        return;
      }
      case "step":
        this.summary.step(event.metrics);
        this.#progress?.update(event.metrics.step + 1, stepLine(event.metrics));
        return;
      case "skipped":
        this.summary.skip(event.image);
        console.error(`Skipped ${event.image}: ${event.why}`);
        return;
      case "warning":
        console.error(`Warning: ${event.message}`);
        return;
      case "resize": {
        const { step, patchSize: side } = event;
        console.log(`From step ${step + 1} on: patches of ${side}×${side}`);
        return;
      }
      case "probe": {
        this.summary.probe(event.top1);
        const top1 = percentSigned(event.top1);
        console.log(`Step ${event.step + 1}: kNN top-1 ${top1} (probe)`);
        return;
      }
      case "checkpoint":
        if (event.epoch === undefined) return;
        console.log(`Epoch ${event.epoch} done: ${event.path}`);
    }
  }
}
