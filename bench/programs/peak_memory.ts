/**
 * The greatest memory of a program that another one has started.
 *
 * @module
 */
import process from "node:process";
import { readSystemFile } from "../../src/system_file.ts";

/**
 * Kilobytes. Linux's `ru_maxrss` is no less than the memory of the program that
 * started this one, `VmHWM` is of this one alone.
 */
export function peakMemory(): number {
  const status = readSystemFile("/proc/self/status") ?? "";
  const [, own] = /^VmHWM:\s*(\d+) kB$/m.exec(status) ?? [];
  return own === undefined ? process.resourceUsage().maxRSS : Number(own);
}
