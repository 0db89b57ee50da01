/**
 * The peak memory of a child process, as it measures it itself.
 *
 * @module
 */
import process from "node:process";
import { readSystemFile } from "../../src/common/system_file.ts";

/**
 * Kilobytes. On Linux `ru_maxrss` is at least the memory of the parent process;
 * `VmHWM` is this process's alone.
 */
export function peakMemory(): number {
  const status = readSystemFile("/proc/self/status") ?? "";
  const [, own] = /^VmHWM:\s*(\d+) kB$/m.exec(status) ?? [];
  return own === undefined ? process.resourceUsage().maxRSS : Number(own);
}
