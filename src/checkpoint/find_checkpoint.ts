/**
 * Finds the newest intact checkpoint of a run: the newest one whose files match their
 * digests, no matter when or how the program was interrupted.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { messageOf } from "../common/errors.ts";
import { trimSlashes } from "../common/files.ts";
import {
  CHECKPOINT_FILE,
  checkpointName,
  checkpointNotFound,
  type FileDigest,
  MANIFEST,
  type Manifest,
} from "./manifest.ts";

/** Bytes that are read at a time. */
const CHUNK = 1 << 20;

/** A checkpoint that is intact. */
export interface FoundCheckpoint {
  /** The model's file. */
  path: string;
  /** The optimiser's file, if there is one. */
  optimizer?: string;
  /** How many steps were made before it; unknown if the path names a single file. */
  step?: number;
  /** Newer checkpoints that are damaged: what is wrong with each. */
  damaged: string[];
}

function digestOf(path: string): FileDigest {
  const hash = createHash("sha256");
  const chunk = new Uint8Array(CHUNK);
  let bytes = 0;
  using file = Deno.openSync(path);
  for (;;) {
    const read = file.readSync(chunk);
    if (read === null) break;
    bytes += read;
    hash.update(chunk.subarray(0, read));
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Why a checkpoint cannot be used; undefined if it is intact. */
function faultOf(dir: string, manifest: string): string | undefined {
  let files: Manifest["files"];
  try {
    ({ files } = JSON.parse(Deno.readTextFileSync(`${dir}/${manifest}`)) ?? {});
    const names = Object.keys(files ?? {});
    if (
      names.length === 0 || names.some((name) => !CHECKPOINT_FILE.test(name))
    ) {
      return `${manifest} lists no files of a checkpoint`;
    }
  } catch (error) {
    return `${manifest}: ${messageOf(error)}`;
  }
  for (const [name, wanted] of Object.entries(files)) {
    try {
      const { bytes, sha256 } = digestOf(`${dir}/${name}`);
      if (bytes !== wanted.bytes) {
        return `${name} has ${bytes} of its ${wanted.bytes} bytes`;
      }
      if (sha256 !== wanted.sha256) return `the SHA-256 of ${name} differs`;
    } catch (error) {
      return `${name}: ${messageOf(error)}`;
    }
  }
  return undefined;
}

/**
 * Resolves a path to a checkpoint: the file itself, or the newest intact checkpoint of
 * a run's folder.
 *
 * @throws {EmpSslError} `NOT_FOUND`.
 */
export function findCheckpoint(path: string): FoundCheckpoint {
  let names: string[];
  try {
    if (Deno.statSync(path).isFile) return { path, damaged: [] };
    names = [...Deno.readDirSync(path)].map((entry) => entry.name);
  } catch (error) {
    throw checkpointNotFound(
      path,
      error instanceof Deno.errors.NotFound
        ? "no such file or folder"
        : messageOf(error),
    );
  }
  const dir = trimSlashes(path);
  const damaged: string[] = [];
  for (const name of names.filter((n) => MANIFEST.test(n)).sort().reverse()) {
    const fault = faultOf(dir, name);
    if (fault !== undefined) {
      damaged.push(fault);
      continue;
    }
    const step = Number(MANIFEST.exec(name)![1]);
    return {
      path: `${dir}/${checkpointName(step)}.safetensors`,
      optimizer: `${dir}/${checkpointName(step)}.optimizer.safetensors`,
      step,
      damaged,
    };
  }
  throw checkpointNotFound(
    path,
    damaged.length > 0
      ? `all are damaged (${damaged.join("; ")})`
      : "there is no checkpoint in it",
  );
}
