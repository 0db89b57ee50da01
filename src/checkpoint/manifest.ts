/**
 * The files of a checkpoint: a model, an optimiser and a manifest with their
 * digests.
 *
 * @module
 */
import { EmpSslError } from "../common/errors.ts";

/** A file's entry in a manifest. */
export interface FileDigest {
  bytes: number;
  sha256: string;
}

export interface Manifest {
  step: number;
  files: Record<string, FileDigest>;
}

/** The name of a manifest, with its step. */
export const MANIFEST = /^checkpoint-(\d{8})\.json$/;
/** The name of any file of a checkpoint, with its step. */
export const CHECKPOINT_FILE =
  /^checkpoint-(\d{8})\.(json|safetensors|optimizer\.safetensors)$/;

/** `checkpoint-00000160`. */
export function checkpointName(step: number): string {
  return `checkpoint-${String(step).padStart(8, "0")}`;
}

/** The error if no checkpoint is found. */
export function checkpointNotFound(path: string, found: string): EmpSslError {
  return new EmpSslError({
    action: "find a checkpoint in",
    subject: path,
    found,
    remedy: "name a run's folder or a .safetensors file",
    code: "NOT_FOUND",
  });
}
