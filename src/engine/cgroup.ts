/**
 * The memory that a container leaves to its processes: a limit of Linux's control
 * groups, version 1 or 2, which may be far below the memory of the machine.
 *
 * @module
 */

import { readSystemFile } from "../common/system_file.ts";

/** Reads a system file; returns undefined if that is not possible. */
export type ReadSystemFile = (path: string) => string | undefined;

/** More than this means no limit: version 1 writes the largest possible value. */
const NO_LIMIT = 2 ** 60;

/** A version of control groups: its folder and the names of its files. */
interface Version {
  root: string;
  limit: string;
  usage: string;
  /** The entry of memory.stat for cached files, which can be reclaimed. */
  cached: string;
}

const V2: Version = {
  root: "/sys/fs/cgroup",
  limit: "memory.max",
  usage: "memory.current",
  cached: "inactive_file",
};

const V1: Version = {
  root: "/sys/fs/cgroup/memory",
  limit: "memory.limit_in_bytes",
  usage: "memory.usage_in_bytes",
  cached: "total_inactive_file",
};

/** The groups of this process: the memory group of version 1, and that of 2. */
function groups(read: ReadSystemFile): [Version, string][] {
  const lines = read("/proc/self/cgroup")?.trim().split("\n") ?? [];
  return lines.flatMap((line): [Version, string][] => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === "") return [[V2, path!]];
    return controllers?.split(",").includes("memory") ? [[V1, path!]] : [];
  });
}

/** A folder and all its parents: the one with the least memory left counts. */
function withParents(path: string): string[] {
  const parts = path.split("/").filter((part) => part);
  return Array.from(
    { length: parts.length + 1 },
    (_, i) => parts.slice(0, i).map((part) => `/${part}`).join(""),
  );
}

/**
 * Bytes that the container leaves to its processes now.
 *
 * @param read Reads system files.
 * @returns Undefined if there is no limit, or none that can be read.
 */
export function containerMemory(
  read: ReadSystemFile = readSystemFile,
): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const left = groups(read).flatMap(([version, path]) =>
    withParents(path).map((folder) => {
      const at = `${version.root}${folder}`;
      const number = (name: string) => Number(read(`${at}/${name}`) ?? NaN);
      const limit = number(version.limit), usage = number(version.usage);
      const stat = read(`${at}/memory.stat`) ?? "";
      const pattern = new RegExp(`^${version.cached} (\\d+)$`, "m");
      const cached = Number(pattern.exec(stat)?.[1] ?? 0);
      // Without a limit the file contains "max", which becomes NaN.
      return limit < NO_LIMIT ? limit - usage + cached : NaN;
    })
  ).filter((bytes) => !Number.isNaN(bytes));
  return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
}
