/**
 * The options of `deno task bench`.
 *
 * @module
 */
import type { Precision } from "../src/engine/engine.ts";
import type { MethodName } from "../src/model/methods/methods.ts";
import type { PeerOptions } from "./peer.ts";
import type { Setting } from "./settings.ts";

/** One setting in one precision. */
export interface BenchOptions {
  /** What is trained. */
  setting: Setting;
  /** Number format. */
  precision: Precision;
  /** Repetitions that are counted. */
  repeat: number;
  /** The training method: EMP-SSL if not given. */
  method?: MethodName;
  /** Patches per image in a micro-batch. */
  microBatch?: number;
  /** PyTorch, if it is measured too. */
  peer?: PeerOptions;
}
