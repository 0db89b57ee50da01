/**
 * Whether this machine's CPU can run TensorFlow: on another one the library ends the
 * whole process while it is loaded.
 *
 * @module
 */
import { readSystemFile } from "../../common/system_file.ts";

/**
 * Why TensorFlow cannot run on a CPU; undefined where it can, or where it is not known.
 * On x86-64 its wheels are compiled for AVX.
 *
 * @param info The content of Linux's `/proc/cpuinfo`.
 *
 * @example A CPU of 2008
 * ```ts
 * import { whyUnsupportedCpu } from "./cpu.ts";
 *
 * const why = whyUnsupportedCpu("flags\t\t: fpu sse sse2 ssse3 sse4_1\n");
 * console.assert(why === "this CPU has no AVX instructions");
 * ```
 */
export function whyUnsupportedCpu(
  info: string | undefined = ownInfo(),
): string | undefined {
  const [, flags] = /^flags\s*:(.*)$/m.exec(info ?? "") ?? [];
  return flags === undefined || flags.split(" ").includes("avx")
    ? undefined
    : "this CPU has no AVX instructions";
}

function ownInfo(): string | undefined {
  const { os, arch } = Deno.build;
  return os === "linux" && arch === "x86_64"
    ? readSystemFile("/proc/cpuinfo")
    : undefined;
}
