/**
 * sharp: decodes JPEG, PNG, WebP and others. It is loaded on first use, so
 * that data sets of raw records never load it.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../common/errors.ts";
import type Sharp from "npm:sharp@0.35.5";

/** The sharp function. */
export type SharpConstructor = typeof Sharp;

/**
 * Loads sharp with one thread and no cache: the worker pool runs in parallel.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`: images of any file need it.
 */
export async function loadSharp(): Promise<SharpConstructor> {
  let sharp: SharpConstructor;
  try {
    ({ default: sharp } = await import("npm:sharp@0.35.5"));
  } catch (error) {
    throw new EmpSslError({
      action: "load",
      subject: "sharp, the decoder of images",
      found: messageOf(error).trim().replaceAll(/\s*\n\s*/g, " "),
      remedy:
        "give the program --allow-ffi, --allow-env and --allow-read, and " +
        "install it again with `deno install` if it is not complete",
      code: "ENGINE_UNAVAILABLE",
      cause: error,
    });
  }
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}
