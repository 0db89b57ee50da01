/**
 * Deno's standard library (`@std/*`), from its build on npm: JSR is out of
 * reach on many closed networks. The build has no types; they stand here.
 *
 * @module
 */
import { closestString as closest } from "npm:deno-std@1.4.0/text/closest_string.js";
import { fromFileUrl as toPath } from "npm:deno-std@1.4.0/path/from_file_url.js";
import { toFileUrl as toUrl } from "npm:deno-std@1.4.0/path/to_file_url.js";
import { TextLineStream as Lines } from "npm:deno-std@1.4.0/streams/text_line_stream.js";

/** The most similar of some words (`@std/text`). */
export const closestString: (
  word: string,
  possible: string[],
) => string = closest;

/** The path of a file: URL, with spaces and umlauts as they are (`@std/path`). */
export const fromFileUrl: (url: string | URL) => string = toPath;

/** The file: URL of a path (`@std/path`). */
export const toFileUrl: (path: string) => URL = toUrl;

/** Splits a text into its lines (`@std/streams`). */
export const TextLineStream: new () => TransformStream<string, string> = Lines;
