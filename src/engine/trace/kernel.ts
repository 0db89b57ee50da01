/**
 * What a kernel of the tracing backend is.
 *
 * @module
 */
import type { KernelInputs } from "../../model/kernels.ts";
import type { GraphValue } from "./graph.ts";
import type { DType } from "./messages.ts";

/**
 * Appends the nodes of one tfjs kernel; returns its outputs. The attributes are
 * those that tfjs defines for the kernel.
 */
export type Kernel = (
  inputs: KernelInputs<GraphValue>,
  // deno-lint-ignore no-explicit-any -- of another type for each kernel
  attributes: any,
) => GraphValue[];

/** An element type of convolutions and dense layers. */
export type ComputeType = typeof DType.float | typeof DType.bfloat16;

/** How the operations of a graph are computed. */
export interface KernelSettings {
  /** Element type of convolutions, dense layers and the operations between them. */
  computeType: ComputeType;
  /** Whether Winograd convolutions may be used: see `winograd.ts`. */
  winograd: boolean;
  /**
   * Maps with fewer channels are zero-padded to this many before they are
   * convolved.
   */
  stemChannels?: number;
}
