/**
 * Reads files in /proc and /sys, and finds devices.
 *
 * @module
 */

const LIBC = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  access: { parameters: ["buffer", "i32"], result: "i32" },
} as const;

function openLibc() {
  try {
    return Deno.dlopen("libc.so.6", LIBC).symbols;
  } catch {
    return undefined;
  }
}

/** Loaded on first use. */
let libc: ReturnType<typeof openLibc>;

/**
 * Reads a file through the C library: Deno itself opens files in /sys and /proc only
 * with all permissions. Returns undefined without permission for FFI, or if the file
 * cannot be read.
 */
export function readSystemFile(path: string): string | undefined {
  libc ??= openLibc();
  if (libc === undefined) return undefined;
  const file = libc.open(nameOf(path), 0);
  if (file < 0) return undefined;
  const bytes = new Uint8Array(1 << 14);
  const length = Number(libc.read(file, bytes, BigInt(bytes.length)));
  libc.close(file);
  return length < 0
    ? undefined
    : new TextDecoder().decode(bytes.subarray(0, length));
}

/** Whether there is such a file, also a device; false without permission for FFI. */
export function systemFileExists(path: string): boolean {
  libc ??= openLibc();
  return libc !== undefined && libc.access(nameOf(path), 0) === 0;
}

function nameOf(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${path}\0`);
}
