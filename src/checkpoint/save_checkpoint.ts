/**
 * Writes a checkpoint: the model, the optimiser, and last a manifest with their digests,
 * so that an interrupted write is never mistaken for a complete checkpoint.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { writeAtomically } from "../common/atomic_file.ts";
import { removeIfPossible } from "../common/files.ts";
import {
  CHECKPOINT_FILE,
  checkpointName,
  MANIFEST,
  type Manifest,
} from "./manifest.ts";

/** Options of the file writes. */
const WRITING = {
  remedy: "choose another --dir; earlier checkpoints are kept",
  code: "INVALID_CHECKPOINT",
} as const;

/**
 * Writes a checkpoint and removes all but the `keep` newest.
 *
 * @param dir The run's folder.
 * @param parts The bytes of the two files, one after the other: of a large model both do
 * not lie in memory at once.
 * @returns The model's file.
 */
export async function saveCheckpoint(
  dir: string,
  { step, model, optimizer, keep }: {
    step: number;
    model: () => Promise<Uint8Array>;
    optimizer: () => Promise<Uint8Array>;
    keep: number;
  },
): Promise<string> {
  const name = checkpointName(step);
  const files: Manifest["files"] = {};
  for (
    const [file, part] of [
      [`${name}.safetensors`, model],
      [`${name}.optimizer.safetensors`, optimizer],
    ] as const
  ) {
    const bytes = await part();
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

/** Removes old checkpoints, and files of interrupted writes. */
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
  // Manifests are removed first: without one, the other files are no checkpoint.
  stale.sort((a, b) =>
    Number(b.endsWith(".json")) - Number(a.endsWith(".json"))
  );
  for (const name of stale) removeIfPossible(`${dir}/${name}`);
}
