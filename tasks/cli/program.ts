/**
 * What a user types to start a task: `deno task train`, or `emp-ssl train`.
 *
 * @module
 */

let program = "deno task";

/** From now on the program was started by another name. */
export function nameProgram(name: string): void {
  program = name;
}

/** A text with `deno task` as what the user has typed. */
export function asTyped(text: string): string {
  return text.replaceAll(/deno task (?=[a-z])/g, `${program} `);
}
