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
 * the kernel's own, as tfjs has them.
 */
export type Kernel = (
  inputs: KernelInputs<GraphValue>,
  // deno-lint-ignore no-explicit-any -- of another type for each kernel
  attributes: any,
) => GraphValue[];

/** How the operations of a graph are computed. */
export interface KernelSettings {
  /** Element type of convolutions, dense layers and what lies between them. */
  computeType: typeof DType.float | typeof DType.bfloat16;
  /** Whether Winograd's convolutions may be used: see `winograd.ts`. */
  winograd: boolean;
  /**
   * Channels that maps of fewer are filled up to with zeros before they are
   * convolved.
   */
  stemChannels?: number;
}
