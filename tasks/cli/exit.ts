/**
 * How a task ends the program.
 *
 * @module
 */

let isComputing = false;

/**
 * To be called before TensorFlow computes in other threads or may wait for a lost
 * process: changes how {@linkcode exit} ends the program.
 */
export function exitWithoutCleanup(): void {
  isComputing = true;
}

/**
 * Ends the program; after {@linkcode exitWithoutCleanup} by `_exit`, since cleanup would
 * free memory that TensorFlow's threads still use.
 */
export function exit(code: number): never {
  if (isComputing) end(code);
  Deno.exit(code);
}

function end(code: number): void {
  const library = Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6";
  const exit = { parameters: ["i32"], result: "void" } as const;
  Deno.dlopen(library, { _exit: exit }).symbols._exit(code);
}
