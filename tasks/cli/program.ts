/**
 * What a user types to start a task: `deno task train`, or `emp-ssl train`.
 *
 * @module
 */

let program = "deno task";

/** Sets the command that the user starts tasks by. */
export function nameProgram(name: string): void {
  program = name;
}

/** A text with `deno task` replaced by the command that the user has typed. */
export function asTyped(text: string): string {
  return text.replaceAll(/deno task (?=[a-z])/g, `${program} `);
}
