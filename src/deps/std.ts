/**
 * Deno's standard library (`@std/*`), from its build on npm: JSR cannot be reached
 * from many closed networks. The build has no types, so they are declared here.
 *
 * @module
 */
import { abortable as untilAborted } from "npm:deno-std@1.4.0/async/abortable.js";
import { delay as wait } from "npm:deno-std@1.4.0/async/delay.js";
import { parseArgs as parse } from "npm:deno-std@1.4.0/cli/parse_args.js";
import { closestString as closest } from "npm:deno-std@1.4.0/text/closest_string.js";
import { levenshteinDistance as distance } from "npm:deno-std@1.4.0/text/levenshtein_distance.js";
import { fromFileUrl as toPath } from "npm:deno-std@1.4.0/path/from_file_url.js";
import { TextLineStream as Lines } from "npm:deno-std@1.4.0/streams/text_line_stream.js";

/** How a command line is parsed. */
export interface ParseArgsOptions {
  /** Flags with a string. */
  string: string[];
  /** Flags without a value. */
  boolean: string[];
  /** Called for any other argument; returns whether it is accepted. */
  unknown(arg: string, key?: string): unknown;
}

/** Parses a command line (`@std/cli`). */
export const parseArgs: (
  args: string[],
  options: ParseArgsOptions,
) => Record<string, unknown> = parse;

/** The most similar of some words (`@std/text`). */
export const closestString: (
  word: string,
  possible: string[],
) => string = closest;

/** How many letters must be changed to turn a word into another (`@std/text`). */
export const levenshteinDistance: (a: string, b: string) => number = distance;

/** The path of a file: URL, with spaces and umlauts as they are (`@std/path`). */
export const fromFileUrl: (url: string | URL) => string = toPath;

/** Splits a text into its lines (`@std/streams`). */
export const TextLineStream: new () => TransformStream<string, string> = Lines;

/** The result of some work, or the signal's reason once it is aborted (`@std/async`). */
export const abortable: <T>(
  work: Promise<T>,
  signal: AbortSignal,
) => Promise<T> = untilAborted;

/** Resolves after some milliseconds; rejects once the signal is aborted (`@std/async`). */
export const delay: (
  ms: number,
  options?: { signal?: AbortSignal },
) => Promise<void> = wait;
