/**
 * The engine of a call that goes on after an interruption.
 *
 * @module
 */
import { type Compute, startCompute } from "../engine/compute.ts";
import type { EngineWish, Precision } from "../engine/engine.ts";

/**
 * Starts an engine in the number format of the rows that were kept, where the caller
 * leaves it open. Where that cannot be had here, such as tf32 without a GPU, it is chosen
 * anew: the kept rows are then not used.
 *
 * @param kept The format of the rows; undefined where there are none.
 */
export async function continuedCompute(
  wish: EngineWish,
  kept: Precision | undefined,
): Promise<Compute> {
  if (wish.precision === "auto" && kept !== undefined) {
    try {
      return await startCompute({ ...wish, precision: kept });
    } catch {
      // Below without it.
    }
  }
  return await startCompute(wish);
}
