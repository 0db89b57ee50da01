/**
 * How `deno task bench` was asked to measure.
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
  /** Repetitions that count. */
  repeat: number;
  /** What it trains by: EMP-SSL where it is not given. */
  method?: MethodName;
  /** Patches at a time. */
  microBatch?: number;
  /** PyTorch, where there is one. */
  peer?: PeerOptions;
}
