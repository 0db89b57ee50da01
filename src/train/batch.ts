/**
 * The batch that the network gets in a step, and how it is split into micro-batches.
 *
 * @module
 */
import type { EngineReport } from "../engine/engine.ts";
import { flagError } from "../common/flag_error.ts";
import {
  availableMemory,
  chooseMicroBatch,
  mapsFit,
  stepBytes,
} from "../engine/micro_batch.ts";
import { splitAddress } from "../common/address.ts";
import { methodOf } from "../model/methods/methods.ts";
import { modelOf } from "../model/model_of.ts";
import { largestPatchSize } from "../stream/patch_sizes.ts";
import {
  pixelsOf,
  type ResolvedConfig,
  valuesOf,
} from "../checkpoint/run_config.ts";

/** The model and the batch of a step, by default with the run's largest patch size. */
export function batchOf(
  config: ResolvedConfig,
  patchSize: number = largestPatchSize(config),
) {
  const { bs, numPatches } = config;
  return {
    model: modelOf(config),
    images: bs,
    patches: numPatches,
    patchSize,
    values: valuesOf(config),
  };
}

/** The shape of this process's part of a batch. */
export function ownShapeOf(config: ResolvedConfig, patchSize: number) {
  const { bs, cluster, numPatches } = config;
  const images = bs / (cluster?.length ?? 1);
  const pixels = pixelsOf(config);
  return { images, patches: numPatches, size: patchSize, pixels };
}

/** How many of a run's processes share this machine's memory. */
function processesHere({ cluster, task = 0 }: ResolvedConfig): number {
  if (!cluster) return 1;
  const hosts = cluster.map((address) => splitAddress(address).hostname);
  return hosts.filter((host) => host === hosts[task]).length;
}

/** Memory that WebAssembly can give to a step: 4 GiB with all that tfjs keeps. */
const WASM_BYTES = 3e9;

/**
 * The value of `--micro-batch`; `auto` depends on the memory that is free now.
 *
 * @returns Undefined if a step is not split.
 */
export function microBatchOf(
  config: ResolvedConfig,
  { engine, device, precision, memoryBytes, replicas }: EngineReport,
): number | undefined {
  const { microBatch, cluster } = config;
  const batch = batchOf(config);
  if (microBatch === batch.patches) return undefined;
  if (microBatch !== "auto") return microBatch;
  const free = engine === "wasm"
    ? Math.min(availableMemory(), WASM_BYTES)
    : device === "CPU"
    ? availableMemory() / processesHere(config)
    : memoryBytes;
  // The engine does not report its device's memory: the user has to decide.
  if (free === undefined) return undefined;
  // Each replica on a GPU has a memory of its own.
  const shares = (cluster?.length ?? 1) *
    (device === "CPU" ? 1 : replicas?.own ?? 1);
  const images = batch.images / shares;
  const method = methodOf(batch.model);
  if (!method.microBatches) {
    const rows = images * batch.patches;
    const needed = stepBytes(batch, rows, precision);
    // Each view is embedded by itself.
    const hasRoom = mapsFit(batch, images);
    if (needed <= free && hasRoom) return undefined;
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    throw flagError(
      `--bs ${batch.images}`,
      hasRoom
        ? `a step of ${method.name} needs about ${gigabytes(needed)} GB and ` +
          `${gigabytes(free)} GB are free`
        : "a map of a view would have over 2³¹ numbers",
      "give fewer images",
    );
  }
  return chooseMicroBatch({ ...batch, images }, free, precision);
}
