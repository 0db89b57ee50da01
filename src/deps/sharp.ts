/**
 * sharp: decodes JPEG, PNG, WebP and others. It is loaded on first use, so
 * that data sets of raw records never load it.
 *
 * @module
 */
import type Sharp from "npm:sharp@0.35.5";

/** The sharp function. */
export type SharpConstructor = typeof Sharp;

/** Loads sharp with one thread and no cache: the worker pool runs in parallel. */
export async function loadSharp(): Promise<SharpConstructor> {
  const { default: sharp } = await import("npm:sharp@0.35.5");
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}
