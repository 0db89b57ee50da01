/**
 * sharp: decodes JPEG, PNG, WebP and the rest. It is loaded on first use, so
 * that data sets of raw records never pay for it.
 *
 * @module
 */
import type Sharp from "npm:sharp@0.35.5";

/** The sharp function. */
export type SharpConstructor = typeof Sharp;

/** Loads sharp, with its own threads and cache off: the pool is the parallelism. */
export async function loadSharp(): Promise<SharpConstructor> {
  const { default: sharp } = await import("npm:sharp@0.35.5");
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}
