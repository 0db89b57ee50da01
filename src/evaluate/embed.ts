/**
 * The features of any images, for search, clustering or another classifier.
 *
 * @module
 */
import { resolve } from "node:path";
import type { CallOptions } from "../common/call_options.ts";
import { defined } from "../common/defined.ts";
import { writeAtomically, writeError } from "../common/atomic_file.ts";
import {
  checkNames,
  checkOneOf,
  type NamesOf,
} from "../common/choice_names.ts";
import { checkCount } from "../common/count.ts";
import { datasetEntry, DATASETS } from "../data/catalog.ts";
import { checkPlaces } from "../data/check_places.ts";
import { type DataOptions, type Split, SPLITS } from "../data/dataset.ts";
import { digestOf } from "../data/digest.ts";
import { openForThreads } from "../data/open_dataset.ts";
import { isModule, moduleUrl } from "../data/own_data.ts";
import { checkWorkers } from "../stream/worker_count.ts";
import {
  checkWish,
  type EngineChoice,
  type PrecisionChoice,
} from "../engine/engine.ts";
import { errorMaker } from "../common/errors.ts";
import { modified } from "../common/files.ts";
import { featureWidth } from "../model/encoder.ts";
import type { FeatureLayer, Protocol } from "../model/methods/method.ts";
import { methodOf } from "../model/methods/methods.ts";
import { readCheckpointInfo } from "../checkpoint/checkpoint.ts";
import { trainSource } from "../checkpoint/run_config.ts";
import { checkKind, noBag } from "./check_evaluation.ts";
import { computeFeatures, cutsOf } from "./compute_features.ts";
import type { EvaluationCalls } from "./evaluation_calls.ts";
import { checkOutputFile, textOf } from "./write_features.ts";
import { continuedCompute } from "./continued_compute.ts";
import { shardsOf } from "./kept_features.ts";
import { keptPrecision, PartFile, stampsOf } from "./part_file.ts";

const embedError = errorMaker("embed to", "INVALID_ARGUMENT");

/** The user's choices. */
export interface EmbedConfig {
  /** A checkpoint, or a run's folder. */
  modelPath: string;
  /**
   * What the images are in: `images` are a folder of files, which is searched
   * recursively; or the name or module of a data set on the user's disk, such as
   * `webdataset`, of which no labels are needed.
   */
  data: string;
  /** Its options: those of a module, or the columns of Parquet. */
  dataOptions?: DataOptions;
  /** Its folder; a module has none. */
  dataDir?: string;
  /** The split, of data that has any: `train` by default. */
  split: Split;
  /** A `.npy`, `.safetensors` or `.parquet` file. */
  out: string;
  /** Patches per image: their features are averaged. */
  patches: number;
  /** Side of the patches in pixels; that of the training where it is not given. */
  patchSize?: number;
  /** A bag of patches, or the whole image once: what the method uses by default. */
  protocol?: Protocol;
  /** The feature layer: the method's own by default. */
  features?: FeatureLayer;
  /** Number of patch workers. */
  workers?: number;
  /** The engine that runs the model. */
  engine: EngineChoice;
  /** Number format of convolutions and dense layers. */
  precision: PrecisionChoice;
}

/** The choices of a call; those with defaults may be left out. */
export type EmbedChoices =
  & Pick<EmbedConfig, "modelPath" | "out">
  & Partial<EmbedConfig>;

/** The defaults: a folder of images, and the paper's bag of patches. */
export const EMBED_DEFAULTS = {
  data: "images",
  split: "train",
  patches: 128,
  engine: "auto",
  precision: "auto",
} as const;

const NAMES: NamesOf<EmbedConfig> = {
  modelPath: true,
  data: true,
  dataOptions: true,
  dataDir: true,
  split: true,
  out: true,
  patches: true,
  patchSize: true,
  protocol: true,
  features: true,
  workers: true,
  engine: true,
  precision: true,
};

/** An event of an embedding. */
export type EmbedEvent =
  | { type: "progress"; done: number; count: number }
  | { type: "warning"; message: string }
  | { type: "damaged"; fault: string }
  | { type: "resumed"; done: number; count: number }
  | { type: "skipped"; image: string; why: string };

/** What was written. */
export interface EmbedResult {
  /** Path of the file of features: `count × width` numbers, in the order of `names`. */
  out: string;
  /** A text file with the path of each row's image; line breaks and backslashes
   * in it are escaped: `\n`, `\r`, `\\`. */
  names: string;
  /** How many images. */
  count: number;
}

/** The text file beside a file of features: the path of each row's image. */
const namesOf = (out: string) => `${out}.txt`;

/** The data sets whose images are on the user's disk, without a module's. */
export const EMBED_DATASETS: readonly string[] = Object.keys(DATASETS)
  .filter((name) => DATASETS[name]!.needsDir);

/** Rejects data that is not there to be embedded. */
function checkData({ data, dataDir, split }: EmbedConfig): void {
  const action = "embed";
  if (!isModule(data)) {
    checkOneOf(data, EMBED_DATASETS, { action, subject: `--data ${data}` });
    if (dataDir === undefined) {
      const remedy = "name the folder of the images with --data-dir";
      throw embedError("a file", "no folder was given", remedy);
    }
  }
  checkOneOf(split, SPLITS, { action, subject: `--split ${split}` });
  checkPlaces({ data, dataDir }, "embed");
}

/**
 * Checks the choices of an embedding, and reads its checkpoint's description.
 *
 * @throws {EmpSslError} For invalid settings, an unusable checkpoint, or a file that
 * cannot be written.
 */
export function checkEmbedding(choices: EmbedChoices) {
  checkNames(choices, NAMES);
  const config = { ...EMBED_DEFAULTS, ...defined(choices) } as EmbedConfig;
  const { dataDir, out, patches } = config;
  checkData(config);
  checkCount(patches, { action: "embed", subject: `--patches ${patches}` });
  const { patchSize } = config;
  checkCount(patchSize, {
    action: "embed",
    subject: `--patch-size ${patchSize}`,
  });
  checkKind(config);
  checkWish(config);
  checkWorkers(config.workers);
  if (!/\.(npy|safetensors|parquet)$/.test(out)) {
    const remedy = "end it in .npy, .safetensors or .parquet";
    throw embedError(out, "no such format", remedy);
  }
  const read = config.data === "parquet" ? ".parquet" : ".npy";
  const isRead = config.data === "parquet" ||
    !isModule(config.data) && datasetEntry(config.data).files === true;
  if (
    isRead && out.endsWith(read) && dataDir !== undefined &&
    resolve(out).startsWith(`${resolve(dataDir)}/`)
  ) {
    throw embedError(
      out,
      "it would lie among the images, and the next search would take it for one",
      "name a file outside that folder, or end it in .safetensors",
    );
  }
  const { path, config: run, model, damaged } = readCheckpointInfo(
    config.modelPath,
  );
  const method = methodOf(model);
  const { protocol = method.protocol, features = method.features } = config;
  if (protocol === "whole" && choices.patches !== undefined) {
    throw noBag("embed to", `--patches ${patches}`);
  }
  checkOutputFile(out);
  checkOutputFile(namesOf(out));
  return { config, path, run, model, damaged, protocol, features };
}

/**
 * Embeds all images of a folder, or of another data set: bag-of-patches features as the
 * evaluation computes them (paper, section 4.1). Rows are in the order of the data, for a
 * folder that of the paths, and those of images that cannot be read are zero; if they are
 * more than 1 %, it ends.
 * Until all rows are computed, they are in `<out>.part`, from which the same call
 * resumes.
 *
 * @param choices The checkpoint, the folder and the file; the defaults are in
 * `EMBED_DEFAULTS`.
 * @param options A signal that aborts it, and a callback for events.
 * @throws {EmpSslError} Before any work: `INVALID_ARGUMENT` for settings; `NOT_FOUND` or
 * `INVALID_CHECKPOINT` for the model; `INVALID_DATA`, also later, for the images;
 * `ENGINE_UNAVAILABLE`.
 *
 * @example A folder of photos
 * ```ts ignore
 * import { embed } from "./mod.ts";
 *
 * const { count, names } = await embed({
 *   modelPath: "runs/folder-1",
 *   dataDir: "photos",
 *   out: "photos.npy",
 * });
 * ```
 */
export async function embed(
  choices: EmbedChoices,
  { signal, onEvent = () => {} }: CallOptions<EmbedEvent> = {},
): Promise<EmbedResult> {
  signal?.throwIfAborted();
  const { config, path, run, model, damaged, protocol, features } =
    checkEmbedding(choices);
  const { dataOptions: options, split, out, patches } = config;
  const name = isModule(config.data) ? moduleUrl(config.data) : config.data;
  const dir = config.dataDir && resolve(config.dataDir);
  const whole = protocol === "whole";
  // A run that is training may remove the checkpoint later.
  const writtenAt = modified(path);
  for (const fault of damaged) onEvent({ type: "damaged", fault });
  const { cache, pixels } = trainSource(run);
  const { source, dataset, warning: leftOut } = await openForThreads({
    ...{ name, options, dir, split },
    shrinkTo: cache?.side,
    pixels,
  }, { onFound: () => signal?.throwIfAborted() });
  if (leftOut !== undefined) onEvent({ type: "warning", message: leftOut });
  const count = dataset.length;
  const paths = Array.from({ length: count }, (_, i) => dataset.describe(i));
  const isOfFiles = datasetEntry(name).files ?? false;
  const whichData: unknown[] = name === EMBED_DEFAULTS.data
    ? []
    : [[name, options, split]];
  const patchSize = config.patchSize ?? run.patchSize;
  if (patchSize !== run.patchSize) whichData.push({ patchSize });
  if (!isOfFiles) {
    // Data without a file for each image is identified as a whole.
    whichData.push(digestOf(dataset), [...stampsOf(shardsOf(source.shared))]);
  }
  const names = namesOf(out);
  const width = featureWidth(model, features);
  const partPath = `${out}.part`;
  const compute = await continuedCompute(config, keptPrecision(partPath));
  const { engine, device, precision, warning } = compute.report;
  let part: PartFile | undefined;
  try {
    // The images of a module may change without a file that shows it.
    part = isModule(name) ? undefined : PartFile.open(partPath, {
      width,
      // Rows of another engine or precision would not be comparable.
      identity: [
        [resolve(path), writtenAt, patches, engine, device],
        [whole, features, dir],
        ...whichData,
      ],
      precision,
      stamps: stampsOf(isOfFiles ? paths : paths.map(() => "")),
    });
  } catch (error) {
    await compute.close();
    throw writeError(out, error, { remedy: "name another --out" });
  }
  using _ = part;
  try {
    if (warning !== undefined) onEvent({ type: "warning", message: warning });
    const done = part?.done ?? 0;
    if (done > 0) onEvent({ type: "resumed", done, count });
    for (const index of part?.skipped ?? []) {
      const why = "it could not be read before the interruption";
      onEvent({ type: "skipped", image: paths[index]!, why });
    }
    const calls = compute.calls<EvaluationCalls>();
    await calls.startEvaluation(path, false);
    await computeFeatures(compute, {
      source,
      labels: new Int32Array(count),
      split: "train",
      ...cutsOf(run, { protocol, patches }),
      patchSize,
      features,
      workers: config.workers,
      keep: part,
      signal,
      onSkipped(image, why, index) {
        part?.skip(index);
        onEvent({ type: "skipped", image, why });
      },
    }, (done) => onEvent({ type: "progress", done, count }));
    await calls.writeRows("train", out, paths);
    writeAtomically(names, textOf(paths));
    await calls.endEvaluation();
  } finally {
    await compute.close();
  }
  part?.remove();
  return { out, names, count };
}
