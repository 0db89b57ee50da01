/**
 * Going on with a run.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";
import { type CheckpointInfo, readCheckpointInfo } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";

/** A whole checkpoint with its optimiser. */
export interface ResumePoint extends CheckpointInfo {
  /** The optimiser's file. */
  optimizer: string;
}

/** What may be another from one part of a run to the next. */
const OPERATIONAL = [
  "workers",
  "saveEvery",
  "keep",
  "strict",
  "threads",
  "dataDir",
] as const satisfies (keyof TrainConfig)[];

/** What, of other choices, a run that goes on takes. */
export function operational(config: Partial<TrainConfig>) {
  return Object.fromEntries(
    OPERATIONAL.filter((key) => config[key] !== undefined)
      .map((key) => [key, config[key]]),
  );
}

/** Whether a choice may be another when a run goes on. */
export function isOperational(key: string): boolean {
  return (OPERATIONAL as readonly string[]).includes(key);
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

/** Choices that name where and how, not what is learned. */
const NOT_IDENTITY = new Set<string>([
  ...OPERATIONAL,
  "dir",
  "msg",
  "download",
  "dataUrl",
  "engine",
  "precision",
  "microBatch",
]);

/**
 * The newest run under a folder that was started with the same choices and has a
 * checkpoint.
 *
 * @param root Where runs lie: `runs`.
 */
export function newestRunLike(
  root: string,
  config: TrainConfig,
): string | undefined {
  let names: string[];
  try {
    names = [...Deno.readDirSync(root)].map((entry) => entry.name);
  } catch {
    return undefined;
  }
  const keys = (Object.keys(config) as (keyof TrainConfig)[])
    .filter((key) => !NOT_IDENTITY.has(key) && config[key] !== undefined);
  const runs = names.flatMap((name) => {
    const dir = `${root}/${name}`;
    try {
      const stored = JSON.parse(Deno.readTextFileSync(`${dir}/config.json`));
      if (!keys.every((key) => stored[key] === config[key])) return [];
      resumePoint(dir);
      return [{ dir, time: Deno.statSync(`${dir}/config.json`).mtime }];
    } catch {
      return [];
    }
  });
  runs.sort((a, b) => Number(b.time) - Number(a.time));
  return runs[0]?.dir;
}
