/**
 * Suggests a word in place of a mistyped one.
 *
 * @module
 */
import { closestString, levenshteinDistance } from "../deps/std.ts";

/** How many words that begin with the given one are suggested together. */
const MOST = 4;

/**
 * The words that a user may have meant: those that begin with what was written, else
 * the most similar one; none where more than half of its letters differ.
 *
 * @example Flags
 * ```ts
 * import { nearest } from "./nearest.ts";
 *
 * const flags = ["bs", "epoch", "model-path", "msg"];
 * console.assert(nearest("model", flags).join() === "model-path");
 * console.assert(nearest("epcoh", flags).join() === "epoch");
 * console.assert(nearest("data-dir", flags).length === 0);
 * ```
 */
export function nearest(word: string, words: readonly string[]): string[] {
  const small = word.toLowerCase();
  if (small === "") return [];
  const longer = words.filter((one) => one.toLowerCase().startsWith(small));
  if (longer.length > 0 && longer.length <= MOST) return longer;
  if (words.length === 0) return [];
  const near = closestString(small, [...words]);
  const distance = levenshteinDistance(small, near.toLowerCase());
  return distance <= Math.max(1, small.length / 2) ? [near] : [];
}

/**
 * The remedy for a mistyped word: «did you mean epoch», or another one where no word is
 * near.
 *
 * @param write How a word is written, such as with hyphens.
 */
export function suggestion(
  word: string,
  words: readonly string[],
  otherwise: string,
  write: (word: string) => string = (word) => word,
): string {
  const found = nearest(word, words).map(write);
  const last = found.pop();
  if (last === undefined) return otherwise;
  return `did you mean ${
    found.length > 0 ? `${found.join(", ")} or ${last}` : last
  }`;
}
