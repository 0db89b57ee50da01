/**
 * Keeps the lines off the terminal that TensorFlow prints while the system
 * loads it, before any of its settings can reach it.
 *
 * @module
 */
import { cString } from "./c_api.ts";

const STDERR = 2;
const WRITE_ONLY = 1;

/**
 * Runs a function while standard error leads nowhere; its exceptions pass.
 * Where the C library cannot be reached, a few lines more are shown.
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
