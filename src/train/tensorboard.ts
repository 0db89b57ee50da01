/**
 * Event files for TensorBoard, written by TensorFlow itself.
 *
 * @module
 */
import { type SummaryWriter, summaryWriter } from "../deps/tfjs_node.ts";
import type { Engine } from "../engine/engine.ts";
import { EmpSslError } from "../common/errors.ts";
import type { StepMetrics } from "./events.ts";

/** The metrics that are written, by their names in TensorBoard. */
const SCALARS = {
  "train/loss": "loss",
  "train/invariance": "invariance",
  "train/tcr": "tcr",
  "train/effective_rank": "effectiveRank",
  "train/learning_rate": "lr",
  "speed/patches_per_second": "patchesPerSecond",
  "speed/compute_seconds": "computeSeconds",
  "speed/wait_seconds": "waitSeconds",
} as const satisfies Record<string, keyof StepMetrics>;

/** Writes the metrics of a run's steps. */
export class TensorBoard {
  #writer: SummaryWriter;

  private constructor(writer: SummaryWriter) {
    this.#writer = writer;
  }

  /**
   * Creates an event file in a folder.
   *
   * @throws {EmpSslError} `ENGINE_UNAVAILABLE` if the engine is not TensorFlow.
   */
  static async open(engine: Engine, dir: string): Promise<TensorBoard> {
    if (engine.report.engine !== "tensorflow") {
      throw new EmpSslError({
        action: "write event files with",
        subject: `the ${engine.report.engine} engine`,
        found: "only TensorFlow can write them",
        remedy: "leave out --tensorboard; metrics.jsonl has the same numbers",
        code: "ENGINE_UNAVAILABLE",
      });
    }
    return new TensorBoard(await summaryWriter(dir));
  }

  /** Writes the metrics of a step. */
  write(metrics: StepMetrics): void {
    for (const [name, key] of Object.entries(SCALARS)) {
      this.#writer.scalar(name, metrics[key], metrics.step);
    }
    this.#writer.flush();
  }
}
