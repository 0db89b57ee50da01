/**
 * Resuming a run.
 *
 * @module
 */
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { EmpSslError } from "../errors.ts";
import { exists } from "../files.ts";
import {
  type CheckpointInfo,
  readCheckpointInfo,
} from "../checkpoint/checkpoint.ts";
import { resolveConfig } from "./config.ts";
import {
  IDENTITY,
  operational,
  type ResolvedConfig,
  type TrainConfig,
} from "../checkpoint/run_config.ts";
import { imageIndexPath } from "./image_index.ts";

/** A whole checkpoint with its optimiser. */
export interface ResumePoint extends CheckpointInfo {
  /** The optimiser's file. */
  optimizer: string;
}

/**
 * The newest whole checkpoint of a run.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is none.
 */
export function resumePoint(dir: string): ResumePoint {
  const info = readCheckpointInfo(dir);
  const { optimizer } = info;
  if (optimizer === undefined) {
    throw new EmpSslError({
      action: "go on with",
      subject: dir,
      found: "it is a file of weights, without the optimiser's state",
      remedy: "name a run's folder, or start from the weights with --init",
      code: "INVALID_ARGUMENT",
    });
  }
  return { ...info, optimizer };
}

function isLike(stored: ResolvedConfig, wanted: ResolvedConfig): boolean {
  const same = IDENTITY.every((key) =>
    isDeepStrictEqual(stored[key], wanted[key])
  );
  // `auto` matches whatever the stored run has used.
  return same &&
    (["engine", "precision"] as const).every((key) =>
      wanted[key] === "auto" || wanted[key] === stored[key]
    );
}

/**
 * The newest of some runs that was started with the same choices and has a
 * checkpoint.
 *
 * @param folders Where runs may lie.
 */
export function newestRunLike(
  folders: string[],
  wanted: ResolvedConfig,
): string | undefined {
  const runs = folders.flatMap((dir) => {
    try {
      const path = `${dir}/config.json`;
      if (!isLike(JSON.parse(Deno.readTextFileSync(path)), wanted)) return [];
      return [{ dir, time: Deno.statSync(path).mtime }];
    } catch {
      return [];
    }
  });
  runs.sort((a, b) => Number(b.time) - Number(a.time));
  return runs.find(({ dir }) => hasCheckpoint(dir))?.dir;
}

function hasCheckpoint(dir: string): boolean {
  try {
    resumePoint(dir);
    return true;
  } catch {
    return false;
  }
}

/**
 * The configuration of a run that goes on: its own, with what may be another.
 *
 * @throws {EmpSslError} `INVALID_DATA` where the data is not what it was.
 */
export async function resumedConfig(
  from: ResumePoint,
  config: Partial<TrainConfig>,
): Promise<ResolvedConfig> {
  const resolved = await resolveConfig({
    ...from.config,
    // The processes are named anew at each start.
    cluster: undefined,
    task: undefined,
    ...operational(config),
  });
  const { images, dataDigest, stepsPerEpoch, steps } = from.config;
  if (resolved.dataDigest !== dataDigest) {
    throw new EmpSslError({
      action: "go on with",
      subject: from.path,
      found: `${resolved.data} has other images or labels than it had`,
      remedy: "put the data back, or start from the weights with --init",
      code: "INVALID_DATA",
    });
  }
  if (resolved.images === images) return resolved;
  // The run has an index of its own images; others may have come.
  if (
    resolved.images > images && await exists(imageIndexPath(dirname(from.path)))
  ) {
    return { ...resolved, images, stepsPerEpoch, steps };
  }
  throw new EmpSslError({
    action: "go on with",
    subject: from.path,
    found: `the data has ${resolved.images} images where it had ${images}`,
    remedy: "put the data back, or start from the weights with --init",
    code: "INVALID_DATA",
  });
}
