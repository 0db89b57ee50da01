/**
 * The memory that a container leaves to its processes: a limit of Linux's control
 * groups, version 1 or 2, which may lie far below what the machine has.
 *
 * @module
 */

import { readSystemFile } from "../system_file.ts";

/** Reads a file of the system; nothing where it cannot. */
export type ReadSystemFile = (path: string) => string | undefined;

/** More than this is no limit: version 1 writes the largest number of pages. */
const NO_LIMIT = 2 ** 60;

/** A version of control groups: where it lies and what its files are called. */
interface Version {
  root: string;
  limit: string;
  usage: string;
  /** In memory.stat: cached files, which give way where memory is wanted. */
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

/** The groups of this process: of memory in version 1, and in version 2. */
function groups(read: ReadSystemFile): [Version, string][] {
  const lines = read("/proc/self/cgroup")?.trim().split("\n") ?? [];
  return lines.flatMap((line): [Version, string][] => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === "") return [[V2, path!]];
    return controllers?.split(",").includes("memory") ? [[V1, path!]] : [];
  });
}

/** A folder and all above it: the least of their limits counts. */
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
 * @param read How files of the system are read.
 * @returns Nothing where there is no limit, or none that can be read.
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
      // "max" is no number, and no limit.
      return limit < NO_LIMIT ? limit - usage + cached : NaN;
    })
  ).filter((bytes) => !Number.isNaN(bytes));
  return left.length === 0 ? undefined : Math.max(0, Math.min(...left));
}
