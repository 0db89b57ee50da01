/**
 * Suppresses the lines that TensorFlow prints while its library is loaded, before
 * any setting takes effect.
 *
 * @module
 */
import { cString } from "./c_api.ts";

const STDERR = 2;
const WRITE_ONLY = 1;
const NOWHERE = "/dev/null";

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
      readlink: {
        parameters: ["buffer", "buffer", "usize"],
        result: "isize",
      },
    }).symbols;
  } catch {
    return run();
  }
  const kept = libc.dup(STDERR);
  // Another thread has redirected it already and will restore it: restoring what is
  // kept here would lose it for the whole process.
  const target = new Uint8Array(NOWHERE.length);
  const link = cString(`/proc/self/fd/${kept}`);
  const length = Number(libc.readlink(link, target, BigInt(target.length)));
  if (new TextDecoder().decode(target.subarray(0, length)) === NOWHERE) {
    libc.close(kept);
    return run();
  }
  const nowhere = libc.open(cString(NOWHERE), WRITE_ONLY);
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
