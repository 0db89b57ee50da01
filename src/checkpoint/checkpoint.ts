/**
 * The two tensor files of a checkpoint: the model's tensors in PyTorch's names and
 * layouts, with the run's configuration as metadata; and the optimiser state, with
 * momentum buffers named after their parameters.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import type { ModelConfig } from "../model/architectures.ts";
import { modelOf } from "../model/model_of.ts";
import { convertLayout, torchShape } from "../model/layout.ts";
import { keptSpecs, tensorSpecs } from "../model/parameters.ts";
import { isTrainable, type State, type TensorSpec } from "../model/tensors.ts";
import type { ResolvedConfig } from "./run_config.ts";
import { findCheckpoint, type FoundCheckpoint } from "./find_checkpoint.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensorsMetadata,
  type TensorFile,
} from "./safetensors.ts";

const checkpointError = errorMaker("read checkpoint", "INVALID_CHECKPOINT");

/** What a checkpoint's metadata says. */
export interface CheckpointInfo {
  /** The file. */
  path: string;
  /** The run's configuration. */
  config: ResolvedConfig;
  /** The network. */
  model: ModelConfig;
  /** How many steps were made before it. */
  step: number;
  /** The optimiser's file, if there is one. */
  optimizer?: string;
  /** Newer checkpoints of the folder that are damaged: what is wrong with each. */
  damaged: string[];
}

/** A checkpoint that was read. */
export interface Checkpoint extends CheckpointInfo {
  /** Weights and running statistics, in our layout. */
  state: State;
}

/** Encodes tensors with PyTorch's names and layouts. */
function encodeTensors(
  specs: TensorSpec[],
  state: State,
  metadata: Record<string, string>,
): Uint8Array {
  const tensors = specs.map((spec) => ({
    name: spec.name,
    shape: torchShape(spec),
    values: convertLayout(spec, state.get(spec.name)!, "torch"),
  }));
  return encodeSafetensors(tensors, metadata);
}

/** The model's file. */
export function encodeModel(
  state: State,
  { config, step }: { config: ResolvedConfig; step: number },
): Uint8Array {
  const model = modelOf(config);
  return encodeTensors(tensorSpecs(model), state, {
    format: "pt",
    "emp-ssl": JSON.stringify({ config, step }),
  });
}

/** The tensors of the optimiser's file: momentum buffers, and the method's own state. */
function optimizerSpecs(model: ModelConfig): TensorSpec[] {
  return [...tensorSpecs(model).filter(isTrainable), ...keptSpecs(model)];
}

/** The optimiser's file. */
export function encodeOptimizerState(model: ModelConfig, state: State) {
  return encodeTensors(optimizerSpecs(model), state, { format: "pt" });
}

function decodeTensors(
  path: string,
  { tensors }: TensorFile,
  specs: TensorSpec[],
): State {
  const state: State = new Map();
  for (const spec of specs) {
    const tensor = tensors.get(spec.name);
    const wanted = torchShape(spec).join("×");
    const shape = tensor?.shape.join("×");
    if (tensor === undefined || shape !== wanted) {
      throw checkpointError(
        path,
        `${spec.name} is ${shape ?? "missing"} (expected ${wanted})`,
        "choose a complete checkpoint of this model",
      );
    }
    state.set(spec.name, convertLayout(spec, tensor.values, "tensorflow"));
  }
  return state;
}

function infoOf(
  { path, optimizer, damaged }: FoundCheckpoint,
  metadata: Record<string, string>,
): CheckpointInfo {
  let config: ResolvedConfig | undefined, step: number;
  try {
    ({ config, step } = JSON.parse(metadata["emp-ssl"]!));
  } catch {
    throw checkpointError(
      path,
      "it has no EMP-SSL configuration",
      "name a checkpoint that `train` wrote; `train --init FILE --max-steps 0` " +
        "makes one of another program's backbone",
    );
  }
  if (config === undefined) {
    throw checkpointError(
      path,
      "it is an exported network",
      "name the run, or a checkpoint that `train` wrote",
    );
  }
  const model = modelOf(config);
  return { path, config, model, step, optimizer, damaged };
}

/**
 * Reads a checkpoint's metadata, without its tensors.
 *
 * @param path A file, or a run's folder.
 * @throws {EmpSslError} `NOT_FOUND`, `INVALID_CHECKPOINT`.
 */
export function readCheckpointInfo(path: string): CheckpointInfo {
  const found = findCheckpoint(path);
  return infoOf(found, readSafetensorsMetadata(found.path));
}

/**
 * Reads a checkpoint of ours.
 *
 * @param path A file, or a run's folder.
 * @throws {EmpSslError} `NOT_FOUND`; `INVALID_CHECKPOINT` if a tensor is missing or has
 * another shape.
 */
export function readCheckpoint(path: string): Checkpoint {
  const found = findCheckpoint(path), file = found.path;
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(file);
  } catch (error) {
    throw checkpointError(file, messageOf(error), "check the file");
  }
  const decoded = decodeSafetensors(bytes, file);
  const info = infoOf(found, decoded.metadata);
  return {
    ...info,
    state: decodeTensors(file, decoded, tensorSpecs(info.model)),
  };
}

/** Reads a model's optimiser file: momentum buffers and the method's own state. */
export function readOptimizerState(path: string, model: ModelConfig): State {
  const decoded = decodeSafetensors(Deno.readFileSync(path), path);
  return decodeTensors(path, decoded, optimizerSpecs(model));
}
