/**
 * Writes a checkpoint: a model, an optimiser, and last a manifest with their
 * digests, so that an interrupted write is never taken for a checkpoint.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeAtomically } from "../atomic_file.ts";
import { removeIfPossible } from "../files.ts";
import {
  CHECKPOINT_FILE,
  checkpointName,
  MANIFEST,
  type Manifest,
} from "./manifest.ts";

/** How checkpoints are written. */
const WRITING = {
  remedy: "choose another --dir; earlier checkpoints are kept",
  code: "INVALID_CHECKPOINT",
} as const;

/**
 * Writes a checkpoint and removes what is older than the `keep` newest.
 *
 * @returns The model's file.
 */
export function saveCheckpoint(
  dir: string,
  { step, model, optimizer, keep }: {
    step: number;
    model: Uint8Array;
    optimizer: Uint8Array;
    keep: number;
  },
): string {
  const name = checkpointName(step);
  const files: Manifest["files"] = {};
  for (
    const [file, bytes] of [
      [`${name}.safetensors`, model],
      [`${name}.optimizer.safetensors`, optimizer],
    ] as const
  ) {
    writeAtomically(`${dir}/${file}`, bytes, WRITING);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    files[file] = { bytes: bytes.length, sha256 };
  }
  const manifest: Manifest = { step, files };
  writeAtomically(
    `${dir}/${name}.json`,
    JSON.stringify(manifest, null, 2) + "\n",
    WRITING,
  );
  prune(dir, keep, step);
  return `${dir}/${name}.safetensors`;
}

/** Removes old checkpoints, and what interrupted writes have left. */
function prune(dir: string, keep: number, newest: number): void {
  const names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
  const steps = names.flatMap((name) => {
    const step = MANIFEST.exec(name)?.[1];
    return step === undefined || Number(step) > newest ? [] : [Number(step)];
  }).sort((a, b) => b - a);
  const kept = new Set(steps.slice(0, keep));
  const stale = names.filter((name) => {
    const step = CHECKPOINT_FILE.exec(name)?.[1];
    if (step === undefined) return /^checkpoint-.*\.tmp$/.test(name);
    return Number(step) <= newest && !kept.has(Number(step));
  });
  // The manifest goes first: without it the rest counts for nothing.
  stale.sort((a, b) =>
    Number(b.endsWith(".json")) - Number(a.endsWith(".json"))
  );
  for (const name of stale) removeIfPossible(`${dir}/${name}`);
}
