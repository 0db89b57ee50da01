/**
 * Resuming a run.
 *
 * @module
 */
import { dirname } from "node:path";
import { EmpSslError } from "../common/errors.ts";
import { exists } from "../common/files.ts";
import {
  type CheckpointInfo,
  readCheckpointInfo,
} from "../checkpoint/checkpoint.ts";
import { feasibleWorkers } from "../stream/worker_count.ts";
import { resolveConfig } from "./config.ts";
import type { CallOptions } from "../common/call_options.ts";
import type { PrepareEvent } from "../data/prepare.ts";
import { asChoices, withStoredParts } from "../checkpoint/stored_choices.ts";
import {
  type ResolvedConfig,
  type TrainConfig,
} from "../checkpoint/run_config.ts";
import {
  COMPUTATION,
  IDENTITY,
  isSameSetting,
} from "../checkpoint/settings.ts";
import { imageIndexPath } from "./image_index.ts";

/** An intact checkpoint with its optimiser state. */
export interface ResumePoint extends CheckpointInfo {
  /** The optimiser's file. */
  optimizer: string;
}

/**
 * The newest intact checkpoint of a run.
 *
 * @throws {EmpSslError} `NOT_FOUND` if there is none; `INVALID_ARGUMENT` if the path is
 * a file of weights.
 */
export function resumePoint(dir: string): ResumePoint {
  const info = readCheckpointInfo(dir);
  const { optimizer } = info;
  if (optimizer === undefined) {
    throw new EmpSslError({
      action: "resume",
      subject: dir,
      found: "it is a file of weights, without the optimiser's state",
      remedy: "name a run's folder, or start from the weights with --init",
      code: "INVALID_ARGUMENT",
    });
  }
  return { ...info, optimizer };
}

/**
 * When a folder's run was configured, in milliseconds; undefined where there is no run
 * that was started with the same choices.
 */
function timeOfRunLike(
  dir: string,
  wanted: ResolvedConfig,
): number | undefined {
  const path = `${dir}/config.json`;
  try {
    const stored: ResolvedConfig = JSON.parse(Deno.readTextFileSync(path));
    const isLike = IDENTITY.every((key) =>
      isSameSetting(key, stored, wanted)
    ) &&
      // `auto` matches any value of the stored run.
      COMPUTATION.every((key) =>
        wanted[key] === "auto" || wanted[key] === stored[key]
      );
    return isLike ? Number(Deno.statSync(path).mtime) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The newest of some runs that was started with the same choices and has a checkpoint.
 *
 * @param folders Folders that may contain a run.
 */
export function newestRunLike(
  folders: string[],
  wanted: ResolvedConfig,
): string | undefined {
  const runs = folders.flatMap((dir) => {
    const time = timeOfRunLike(dir, wanted);
    return time === undefined ? [] : [{ dir, time }];
  });
  runs.sort((a, b) => b.time - a.time);
  return runs.find(({ dir }) => hasCheckpoint(dir))?.dir;
}

/**
 * Whether a folder holds a run that was started with the same choices and ended before
 * its first checkpoint.
 */
export function isUnsavedRunLike(
  dir: string,
  wanted: ResolvedConfig,
): boolean {
  return timeOfRunLike(dir, wanted) !== undefined && !hasCheckpoint(dir);
}

/** Whether a run has a checkpoint that it can be resumed from. */
export function hasCheckpoint(dir: string): boolean {
  try {
    resumePoint(dir);
    return true;
  } catch {
    return false;
  }
}

/**
 * The configuration of a resumed run: the stored one, with the choices that may differ.
 *
 * @throws {EmpSslError} `INVALID_DATA` if the data has changed.
 */
export async function resumedConfig(
  from: ResumePoint,
  config: Partial<TrainConfig>,
  call: CallOptions<PrepareEvent> = {},
): Promise<ResolvedConfig> {
  // The processes are given anew at each start.
  const anew = {
    ...{ cluster: undefined, task: undefined, peerTimeout: undefined },
    // The stored number was of the processes then.
    replicas: config.cluster ? undefined : from.config.replicas,
  };
  const workers = feasibleWorkers(from.config.workers);
  // tf32 is for GPUs alone: `checkUnchanged` lets its run go on in fp32.
  const precision = config.precision === "fp32"
    ? "fp32"
    : from.config.precision;
  const stored = { ...from.config, ...anew, workers, precision };
  const choices = asChoices(stored, config);
  const resolved = withStoredParts(
    from.config,
    await resolveConfig(choices, call),
  );
  const { images, dataDigest, stepsPerEpoch, steps } = from.config;
  if (resolved.dataDigest !== dataDigest) {
    throw new EmpSslError({
      action: "resume",
      subject: from.path,
      found:
        `the images or labels of ${resolved.data} have changed since the run began`,
      remedy: "put the data back, or start from the weights with --init",
      code: "INVALID_DATA",
    });
  }
  if (resolved.images === images) return resolved;
  // The run has an index of its images: images that were added since are ignored.
  if (
    resolved.images > images && await exists(imageIndexPath(dirname(from.path)))
  ) {
    return { ...resolved, images, stepsPerEpoch, steps };
  }
  throw new EmpSslError({
    action: "resume",
    subject: from.path,
    found: `the data has ${resolved.images} images, but had ${images} before`,
    remedy: "put the data back, or start from the weights with --init",
    code: "INVALID_DATA",
  });
}
