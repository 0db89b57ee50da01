/**
 * The choice between the two versions of the transforms.
 *
 * @module
 */
import { isFormat, type PixelFormat, RGB } from "../data/image.ts";
import type { PatchTransforms } from "./transforms.ts";

/**
 * The fastest transforms that run here: WebAssembly, or plain TypeScript where
 * its vector instructions are missing, or the pixels are not RGB bytes.
 *
 * @param pixels What the pixels of the images are.
 */
export async function createTransforms(
  pixels: PixelFormat = RGB,
): Promise<PatchTransforms> {
  if (isFormat(pixels, RGB)) {
    try {
      const { WasmTransforms } = await import("./wasm/wasm_transforms.ts");
      return new WasmTransforms();
    } catch {
      // Without its vector instructions.
    }
  }
  const { PlainTransforms } = await import("./plain_transforms.ts");
  return new PlainTransforms();
}
