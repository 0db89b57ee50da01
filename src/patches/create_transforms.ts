/**
 * The choice between the two versions of the transforms.
 *
 * @module
 */
import type { PatchTransforms } from "./transforms.ts";

/**
 * The fastest transforms that run here: WebAssembly, or plain TypeScript where
 * its vector instructions are missing.
 */
export async function createTransforms(): Promise<PatchTransforms> {
  try {
    const { WasmTransforms } = await import("./wasm/wasm_transforms.ts");
    return new WasmTransforms();
  } catch {
    const { PlainTransforms } = await import("./plain_transforms.ts");
    return new PlainTransforms();
  }
}
