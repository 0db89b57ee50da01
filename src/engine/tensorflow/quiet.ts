/**
 * Suppresses the lines that TensorFlow prints while its library is loaded, before
 * any setting takes effect.
 *
 * @module
 */
import { cString } from "./c_api.ts";

const STDERR = 2;
const WRITE_ONLY = 1;

/**
 * Runs a function while standard error is redirected to /dev/null. Exceptions
 * propagate. If the C library cannot be loaded, nothing is suppressed.
 */
export function withoutStderr<T>(run: () => T): T {
  let libc;
  try {
    libc = Deno.dlopen("libc.so.6", {
      dup: { parameters: ["i32"], result: "i32" },
      dup2: { parameters: ["i32", "i32"], result: "i32" },
      open: { parameters: ["buffer", "i32"], result: "i32" },
      close: { parameters: ["i32"], result: "i32" },
    }).symbols;
  } catch {
    return run();
  }
  const kept = libc.dup(STDERR);
  const nowhere = libc.open(cString("/dev/null"), WRITE_ONLY);
  if (kept < 0 || nowhere < 0) return run();
  libc.dup2(nowhere, STDERR);
  libc.close(nowhere);
  try {
    return run();
  } finally {
    libc.dup2(kept, STDERR);
    libc.close(kept);
  }
}
