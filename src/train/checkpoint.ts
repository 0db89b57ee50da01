/**
 * Checkpoints: a model's tensors in PyTorch's names and layouts, with the
 * configuration that they came from.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../errors.ts";
import { architecture, type ModelConfig } from "../model/architectures.ts";
import { convertLayout, torchShape } from "../model/layout.ts";
import { type State, tensorSpecs } from "../model/parameters.ts";
import type { ResolvedConfig } from "./config.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/** A checkpoint that was read. */
export interface Checkpoint {
  /** The file. */
  path: string;
  /** Weights and running statistics, in our layout. */
  state: State;
  /** The run's configuration. */
  config: ResolvedConfig;
  /** The network. */
  model: ModelConfig;
  /** Steps that led to it. */
  step: number;
}

/** The name of the checkpoint after an epoch. */
export function checkpointName(epoch: number): string {
  return `checkpoint-${String(epoch).padStart(4, "0")}.safetensors`;
}

/** Encodes a model's tensors as PyTorch would name and lay them out. */
export function encodeState(
  model: ModelConfig,
  state: State,
  metadata: Record<string, string>,
): Uint8Array {
  const tensors = tensorSpecs(model).map((spec) => ({
    name: spec.name,
    shape: torchShape(spec),
    values: convertLayout(spec, state.get(spec.name)!, "torch"),
  }));
  return encodeSafetensors(tensors, metadata);
}

/**
 * Writes a file whole or not at all: under another name first, flushed to the
 * disk, then renamed.
 *
 * @throws {EmpSslError} `INVALID_CHECKPOINT` where it cannot be written.
 */
export function writeAtomically(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  try {
    {
      using file = Deno.openSync(temporary, {
        create: true,
        truncate: true,
        write: true,
      });
      for (let at = 0; at < bytes.length;) {
        at += file.writeSync(bytes.subarray(at));
      }
      file.syncSync();
    }
    Deno.renameSync(temporary, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch {
      // It may never have come to be.
    }
    throw new EmpSslError({
      action: "write",
      subject: path,
      found: messageOf(error),
      remedy: "make room or choose another --dir; earlier files are untouched",
      code: "INVALID_CHECKPOINT",
      cause: error,
    });
  }
}

/** Writes a checkpoint. */
export function writeCheckpoint(
  path: string,
  state: State,
  { config, step }: { config: ResolvedConfig; step: number },
): void {
  const { model } = architecture(config.arch);
  const metadata = {
    format: "pt",
    "emp-ssl": JSON.stringify({ config, step }),
  };
  writeAtomically(path, encodeState(model, state, metadata));
}

function refuse(path: string, found: string, remedy: string): EmpSslError {
  return new EmpSslError({
    action: "read checkpoint",
    subject: path,
    found,
    remedy,
    code: "INVALID_CHECKPOINT",
  });
}

/**
 * The checkpoint that a path means: the file itself, or the last one of a run's
 * folder.
 *
 * @throws {EmpSslError} `NOT_FOUND`.
 */
export function findCheckpoint(path: string): string {
  let found = "no such file or folder";
  try {
    if (Deno.statSync(path).isFile) return path;
    const names = [...Deno.readDirSync(path)].map((entry) => entry.name)
      .filter((name) => /^checkpoint-\d+\.safetensors$/.test(name)).sort();
    if (names.length > 0) return `${path.replace(/\/+$/, "")}/${names.at(-1)}`;
    found = "there is no checkpoint in it";
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) found = messageOf(error);
  }
  throw new EmpSslError({
    action: "find a checkpoint in",
    subject: path,
    found,
    remedy: "name a run's folder or a .safetensors file",
    code: "NOT_FOUND",
  });
}

/**
 * Reads a checkpoint of ours.
 *
 * @param path A file, or a run's folder.
 * @throws {EmpSslError} `NOT_FOUND`; `INVALID_CHECKPOINT` where a tensor is
 * missing or has another shape.
 */
export function readCheckpoint(path: string): Checkpoint {
  const file = findCheckpoint(path);
  const { tensors, metadata } = decodeSafetensors(
    Deno.readFileSync(file),
    file,
  );
  let config: ResolvedConfig, step: number;
  try {
    ({ config, step } = JSON.parse(metadata["emp-ssl"]));
  } catch {
    throw refuse(
      file,
      "it has no configuration of ours",
      "name a checkpoint that `train` wrote",
    );
  }
  const { model } = architecture(config.arch);
  const state: State = new Map();
  for (const spec of tensorSpecs(model)) {
    const tensor = tensors.get(spec.name);
    const wanted = torchShape(spec).join("×");
    const shape = tensor?.shape.join("×");
    if (tensor === undefined || shape !== wanted) {
      throw refuse(
        file,
        `${spec.name} is ${shape ?? "missing"} where ${wanted} is wanted`,
        "choose a whole checkpoint",
      );
    }
    state.set(spec.name, convertLayout(spec, tensor.values, "tensorflow"));
  }
  return { path: file, state, config, model, step };
}
