/**
 * Which TensorFlow is wanted, and where it is kept.
 *
 * @module
 */
import { TFJS_NODE_VERSION } from "../../deps/tfjs_node.ts";
import { cacheFolder } from "../../cache.ts";
import { EmpSslError } from "../../errors.ts";

/** TensorFlow for the processor alone, or with CUDA. */
export type Variant = "cpu" | "gpu";

/** The release of TensorFlow that the binding is built against. */
export const TENSORFLOW_VERSION = "2.21.0";

/** Changes whenever what the cache holds changes its form. */
const LAYOUT = 1;

/** The wheel for a platform: pip's names for it, and its digest. */
export interface Wheel {
  /** The distribution on the package index. */
  distribution: string;
  /** pip's platform tag. */
  platform: string;
  /** SHA-256 of the file. */
  sha256: string;
}

const WHEELS: Record<string, Wheel> = {
  "linux-x86_64": {
    distribution: "tensorflow-cpu",
    platform: "manylinux_2_27_x86_64",
    sha256: "dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb",
  },
  "linux-aarch64": {
    distribution: "tensorflow",
    platform: "manylinux_2_27_aarch64",
    sha256: "b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552",
  },
};

/**
 * The processor's wheel for this machine.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE` where there is none.
 */
export function cpuWheel(): Wheel {
  const { os, arch } = Deno.build;
  const wheel = WHEELS[`${os}-${arch}`];
  if (wheel === undefined) {
    throw new EmpSslError({
      action: "set up",
      subject: `TensorFlow on ${os} ${arch}`,
      found: "there is no wheel with its C library for it",
      remedy: "use Linux on x86-64 or 64-bit Arm",
      code: "ENGINE_UNAVAILABLE",
    });
  }
  return wheel;
}

/** Whether an NVIDIA GPU and its driver are here. */
export async function hasNvidiaGpu(): Promise<boolean> {
  try {
    const gpus = Deno.readDir("/proc/driver/nvidia/gpus");
    for await (const _ of gpus) return true;
  } catch {
    // No driver.
  }
  return false;
}

/** The folder of one built engine: its name holds all that it depends on. */
export function engineFolder(variant: Variant): string {
  const { os, arch } = Deno.build;
  return `${cacheFolder()}/tensorflow-${TENSORFLOW_VERSION}-${variant}-${os}-${arch}-tfjs-${TFJS_NODE_VERSION}-${LAYOUT}`;
}
