/**
 * The live page of a run.
 *
 * @module
 */
import { openDataset } from "../data/open_dataset.ts";
import type { Dataset } from "../data/dataset.ts";
import { encodePng } from "../data/png.ts";
import { placeOf } from "../stream/order.ts";
import type { BatchView } from "../train/batch_view.ts";
import type { ResolvedConfig } from "../checkpoint/run_config.ts";
import { patchSizesInWords } from "../stream/patch_sizes.ts";
import { readMetrics } from "../train/metrics.ts";
import { principalMap, singularValues } from "../train/spectrum.ts";
import type { TrainEvent } from "../train/events.ts";
import { History } from "./history.ts";
import { serve, type Served } from "./server.ts";

/** Minimum milliseconds between two batches that are shown. */
const EVERY = 1000;

/** Follows a run's events and shows them. */
export class Dashboard {
  #history = new History();
  #served: Served;
  #config: ResolvedConfig | undefined;
  #dataset: Dataset | undefined;
  #view: BatchView | undefined;
  #step = 0;
  #looked = -Infinity;
  #png: Promise<Uint8Array> | undefined;
  #json: string | undefined;

  private constructor(port: number) {
    this.#served = serve(port, {
      events: () => this.#history.follow(),
      patches: () => this.#patches(),
      batch: () => this.#json ??= JSON.stringify(this.#batch()),
    });
  }

  /**
   * Begins to serve the page, before the run begins.
   *
   * @param port The port; 0 takes any that is free.
   * @throws {EmpSslError} `INVALID_ARGUMENT` where the port is not available.
   *
   * @example The page of a run
   * ```ts ignore
   * import { train } from "../train/train.ts";
   * import { Dashboard } from "./dashboard.ts";
   *
   * const dashboard = Dashboard.serve(0);
   * console.log(dashboard.url);
   * const includeBatch = () => dashboard.wants();
   * for await (const event of train({ data: "shapes" }, { includeBatch })) {
   *   await dashboard.show(event);
   * }
   * await dashboard.close();
   * ```
   */
  static serve(port: number): Dashboard {
    return new Dashboard(port);
  }

  /** The page's address. */
  get url(): string {
    return this.#served.url;
  }

  /** Whether the page should get the next batch: at most one per second. */
  wants(): boolean {
    const now = performance.now();
    if (now - this.#looked < EVERY) return false;
    this.#looked = now;
    return true;
  }

  /** Adds an event to the page. */
  async show(event: TrainEvent): Promise<void> {
    if (event.type === "start") await this.#start(event);
    else if (event.type === "step") {
      const { metrics, view } = event;
      const memory = Deno.memoryUsage().rss;
      this.#history.push({ type: "step", ...metrics, memory });
      if (view === undefined) return;
      this.#view = view;
      this.#step = metrics.step;
      this.#png = this.#json = undefined;
      this.#history.push({ type: "batch", step: metrics.step });
    } else if (event.type !== "skipped") this.#history.push(event);
  }

  async #start(event: TrainEvent & { type: "start" }): Promise<void> {
    const { config, engine, dir, step } = event;
    this.#config = config;
    this.#json = undefined;
    this.#dataset = await openDataset(event.source)
      .catch(() => undefined);
    this.#history.push({
      type: "start",
      title: `${config.arch} on ${config.data}`,
      steps: config.steps,
      batch: `${config.bs} × ${config.numPatches} ${patchSizesInWords(config)}`,
      device: `${engine.engine} ${engine.version} on ` +
        `${engine.deviceName ?? engine.device}, ${engine.precision}`,
      dir,
    });
    if (dir !== undefined && step > 0) this.#recall(dir, step);
  }

  /** Adds the steps before a run was resumed. */
  #recall(dir: string, before: number): void {
    try {
      for (const record of readMetrics(`${dir}/metrics.jsonl`)) {
        if (!(record.step < before)) continue;
        this.#history.push(
          "probe" in record
            ? { type: "probe", step: record.step, ...record.probe }
            : { type: "step", ...record },
        );
      }
    } catch {
      // The page then begins with the current step.
    }
  }

  #patches(): Promise<Uint8Array> | undefined {
    if (this.#view === undefined) return undefined;
    return this.#png ??= encodePng(this.#view.patches);
  }

  /** The map of the last batch, its spectrum, and the classes of its images. */
  #batch(): object {
    const view = this.#view, config = this.#config, data = this.#dataset;
    if (view === undefined || config === undefined) return {};
    const map = principalMap(view.gram);
    const size = Math.sqrt(view.gram.length);
    const labels = data === undefined || data.classes.length === 0
      ? undefined
      : map.map((_, position) => {
        const { image } = placeOf(this.#step, position, {
          count: data.length,
          blocks: data.blocks,
          images: config.bs,
          shuffle: true,
          seed: config.seed,
        });
        return data.label(image);
      });
    return {
      step: this.#step,
      map,
      labels,
      classes: data?.classes,
      spectrum: singularValues(view.gram),
      gram: map.map((_, i) =>
        Array.from(view.gram.subarray(i * size, i * size + map.length))
      ),
    };
  }

  /** Stops serving the page, when all viewers have read all records, or after 5 s. */
  async close(): Promise<void> {
    this.#history.end();
    await this.#served.close();
  }
}
