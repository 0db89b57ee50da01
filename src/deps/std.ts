/**
 * Deno's standard library (`@std/*`), from its build on npm: JSR is out of
 * reach on many closed networks. The build has no types; they stand here.
 *
 * @module
 */
import { closestString as closest } from "npm:deno-std@1.4.0/text/closest_string.js";

/** The most similar of some words (`@std/text`). */
export const closestString: (
  word: string,
  possible: string[],
) => string = closest;
