/**
 * A summary of a finished run, as a short table.
 *
 * @module
 */
import { percentSigned } from "../../src/common/percent.ts";
import type { StepMetrics } from "../../src/train/events.ts";
import { formatSeconds } from "./progress.ts";

/** Above this share of the time, waiting for patches is the bottleneck. */
const BOTTLENECK = 0.1;

/** Collects a run's steps. */
export class Summary {
  #rates: number[] = [];
  #wait = 0;
  #compute = 0;
  #last: StepMetrics | undefined;
  #probe: number | undefined;
  #skipped = new Set<string>();

  /** Adds a step. */
  step(metrics: StepMetrics): void {
    this.#rates.push(metrics.patchesPerSecond);
    this.#wait += metrics.waitSeconds;
    this.#compute += metrics.computeSeconds;
    this.#last = metrics;
  }

  /** Sets the latest accuracy of the online probe, 0 to 1. */
  probe(top1: number): void {
    this.#probe = top1;
  }

  /** Adds an image that could not be read. */
  skip(image: string): void {
    this.#skipped.add(image);
  }

  /** The share of the time in which the engine waited for patches. */
  get waiting(): number {
    return this.#wait / Math.max(this.#wait + this.#compute, 1e-9);
  }

  /** The lines of the table; none if there was no step. */
  lines(seconds: number): string[] {
    const last = this.#last;
    if (last === undefined) return [];
    const { loss, invariance, tcr, effectiveRank } = last;
    const rates = this.#rates.toSorted((a, b) => a - b);
    const waiting = this.waiting;
    const rows: [string, string][] = [
      ["steps", `${this.#rates.length} in ${formatSeconds(seconds)}`],
      ["rate", `${rates[rates.length >> 1].toFixed(1)} patches/s (median)`],
      [
        "bottleneck",
        waiting > BOTTLENECK
          ? `patches: ${
            percentSigned(waiting)
          } of the time was spent waiting for ` +
            "them (try more --workers; --cache for large image files)"
          : `the engine: ${
            percentSigned(waiting)
          } of the time was spent waiting ` +
            "for patches",
      ],
      [
        "last step",
        `loss ${loss.toFixed(2)}, invariance ${invariance.toFixed(3)}, ` +
        `TCR ${tcr.toFixed(1)}, effective rank ${effectiveRank.toFixed(1)}`,
      ],
    ];
    if (this.#probe !== undefined) {
      rows.push(["probe", `kNN top-1 ${percentSigned(this.#probe)}`]);
    }
    if (this.#skipped.size > 0) {
      rows.push(["skipped", `${this.#skipped.size} images, named above`]);
    }
    return rows.map(([name, value]) => `  ${name.padEnd(11)} ${value}`);
  }
}
