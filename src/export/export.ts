/**
 * Exports a trained network in the format of another program.
 *
 * @module
 */
import {
  checkNames,
  checkOneOf,
  type NamesOf,
} from "../common/choice_names.ts";
import { checkCount } from "../common/count.ts";
import { type CallOptions, untilAborted } from "../common/call_options.ts";
import { defined } from "../common/defined.ts";
import { checkWish, type EngineChoice } from "../engine/engine.ts";
import { inTurn } from "../engine/in_turn.ts";
import { loadEngine } from "../engine/load.ts";
import { errorMaker, messageOf } from "../common/errors.ts";
import { removeIfPossible } from "../common/files.ts";
import { writeAtomically } from "../common/atomic_file.ts";
import { readCheckpoint } from "../checkpoint/checkpoint.ts";
import { checkExport } from "./check.ts";
import { methodOf } from "../model/methods/methods.ts";
import { encodeSavedModel } from "./saved_model.ts";
import { modelCard } from "./model_card.ts";
import { preprocessing } from "./preprocessing.ts";
import { encodeOnnxModel } from "./onnx.ts";
import {
  EXPORT_FORMATS,
  EXPORT_PARTS,
  EXPORT_PRECISIONS,
  type ExportFormat,
  type ExportPart,
  type ExportPrecision,
  type ExportRequest,
} from "./request.ts";
import { encodeSafetensorsModel } from "./safetensors_model.ts";
import { samplePatches } from "./sample_patches.ts";
import { encodeTfjsModel } from "./tfjs_model.ts";

const action = "export to";
const exportError = errorMaker(action, "INVALID_ARGUMENT");

/** The user's choices. */
export interface ExportConfig {
  /** A checkpoint, or a run's folder. */
  modelPath: string;
  /** The folder to write; it must be empty, or not exist. */
  out: string;
  /** The format. */
  format: ExportFormat;
  /**
   * Part of the network; up to the feature layer of its method where it is not given.
   */
  part?: ExportPart;
  /** Number format in which the weights are stored. */
  precision: ExportPrecision;
  /** Batch size in patches; any number where it is not given. */
  batch?: number;
  /** The engine that computes our features for the check. */
  engine: EngineChoice;
}

const NAMES: NamesOf<ExportConfig> = {
  modelPath: true,
  out: true,
  format: true,
  part: true,
  precision: true,
  batch: true,
  engine: true,
};

/** The defaults; without `part`, the features that the method's evaluation uses. */
export const EXPORT_DEFAULTS = {
  format: "safetensors",
  precision: "fp32",
  engine: "auto",
} as const;

/** What was written. */
export interface ExportResult {
  /** The folder. */
  out: string;
  /** Its files. */
  files: string[];
  /** The checkpoint's file. */
  checkpoint: string;
  /** Newer checkpoints that are damaged: what is wrong with each. */
  damaged: string[];
  /** L2 distance of its features from ours, relative to their norm. */
  distance: number;
}

const PATCHES = 4;

/** Where the files are until they have been checked, in the folder of an export. */
const UNCHECKED = ".unchecked";

/**
 * Checks choices.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkExportChoices(
  { format, part, precision, batch, engine }: Omit<
    ExportConfig,
    "modelPath" | "out"
  >,
): void {
  checkWish({ engine, precision: "fp32" });
  const kinds = [
    [format, EXPORT_FORMATS, `the format "${format}"`],
    [part, EXPORT_PARTS, `the part "${part}"`],
    [precision, EXPORT_PRECISIONS, `weights in "${precision}"`],
  ] as const;
  for (const [value, known, subject] of kinds) {
    checkOneOf(value, known, { action, subject });
  }
  if (format === "savedmodel" && !["auto", "tensorflow"].includes(engine)) {
    throw exportError(
      `savedmodel with --engine ${engine}`,
      "only TensorFlow can check a SavedModel",
      "leave --engine out",
    );
  }
  checkCount(batch, {
    action,
    subject: `a batch of ${batch} (any without it)`,
  });
}

/**
 * Makes the folder of an export.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` where it is not empty or cannot be made.
 */
export function makeExportFolder(out: string): void {
  try {
    Deno.mkdirSync(out, { recursive: true });
    const found = [...Deno.readDirSync(out)].map(({ name }) => name);
    // An interrupted export leaves it.
    if (found.every((name) => name === UNCHECKED)) return;
  } catch (error) {
    throw exportError(out, messageOf(error), "name another folder with --out");
  }
  throw exportError(out, "it is not empty", "name another folder with --out");
}

/** The files of a format, by name. */
function encode(
  format: ExportFormat,
  request: ExportRequest,
  metadata: Record<string, string>,
): Record<string, Uint8Array> {
  switch (format) {
    case "safetensors":
      return { "model.safetensors": encodeSafetensorsModel(request, metadata) };
    case "onnx":
      return { "model.onnx": encodeOnnxModel(request, metadata) };
    case "savedmodel":
      return { "saved_model.pb": encodeSavedModel(request) };
    case "tfjs":
      return encodeTfjsModel(request, metadata);
  }
}

/**
 * Exports a trained network with `preprocessing.json`, which describes its input, and a
 * README. The export is read back and run, by the program that it is meant for (but
 * safetensors by our own code), and its features are compared with ours.
 *
 * @param choices The checkpoint and the folder; the defaults are in
 * `EXPORT_DEFAULTS`.
 * @param options A signal that aborts it; the folder is then left empty.
 * @throws {EmpSslError} Before any work: `INVALID_ARGUMENT` for settings; `NOT_FOUND` or
 * `INVALID_CHECKPOINT` for the model. `EXPORT_FAILED` where the features differ.
 *
 * @example For ONNX Runtime
 * ```ts ignore
 * import { exportModel } from "./mod.ts";
 *
 * const { files } = await exportModel({
 *   modelPath: "runs/cifar10-1",
 *   out: "cifar10-onnx",
 *   format: "onnx",
 * });
 * ```
 */
export async function exportModel(
  choices: Pick<ExportConfig, "modelPath" | "out"> & Partial<ExportConfig>,
  { signal }: Pick<CallOptions<never>, "signal"> = {},
): Promise<ExportResult> {
  signal?.throwIfAborted();
  checkNames(choices, NAMES);
  const config = { ...EXPORT_DEFAULTS, ...defined(choices) } as ExportConfig;
  const { format, precision, batch, out, engine: name } = config;
  checkExportChoices(config);
  const checkpoint = readCheckpoint(config.modelPath);
  const { config: run, model, state, step, damaged } = checkpoint;
  const head = methodOf(model).features === "head";
  const part = config.part ?? (head ? "encoder" : "backbone");
  makeExportFolder(out);
  const { patchSize } = run;
  const request = { model, state, part, precision, batch, patchSize };
  const loading = inTurn(() => loadEngine({ engine: name, precision: "fp32" }));
  const engine = await untilAborted(loading, signal);
  const described = preprocessing(format, request, run);
  const files = encode(format, request, {
    "emp-ssl": JSON.stringify({ part, preprocessing: described }),
  });
  const names = Object.keys(files);
  const written = [...names, "preprocessing.json", "README.md"];
  const folder = `${out}/${UNCHECKED}`;
  using cleanup = new DisposableStack();
  // A failed export leaves the folder empty, as the next one requires.
  cleanup.defer(() => removeIfPossible(folder, { recursive: true }));
  removeIfPossible(folder, { recursive: true });
  Deno.mkdirSync(folder);
  for (const name of names) writeAtomically(`${folder}/${name}`, files[name]!);
  const checked = samplePatches(run, batch ?? PATCHES).then((patches) =>
    checkExport(format, folder, request, patches, engine)
  );
  const distance = await untilAborted(checked, signal);
  writeAtomically(
    `${folder}/preprocessing.json`,
    JSON.stringify(described, null, 2) + "\n",
  );
  const card = modelCard(format, request, { config: run, step, distance });
  writeAtomically(`${folder}/README.md`, card);
  for (const name of written) {
    Deno.renameSync(`${folder}/${name}`, `${out}/${name}`);
  }
  return {
    out,
    files: written,
    checkpoint: checkpoint.path,
    damaged,
    distance,
  };
}
