/**
 * The choice between the two implementations of the transforms.
 *
 * @module
 */
import { isFormat, type PixelFormat, RGB } from "../data/image.ts";
import type { PatchTransforms } from "./transforms.ts";

/**
 * The fastest transforms that run here: WebAssembly, or plain TypeScript if its SIMD
 * instructions are not supported or the pixels are not RGB bytes.
 *
 * @param pixels The pixel format of the images.
 */
export async function createTransforms(
  pixels: PixelFormat = RGB,
): Promise<PatchTransforms> {
  if (isFormat(pixels, RGB)) {
    try {
      const { WasmTransforms } = await import("./wasm/wasm_transforms.ts");
      return new WasmTransforms();
    } catch {
      // WebAssembly's SIMD instructions are not supported.
    }
  }
  const { PlainTransforms } = await import("./plain_transforms.ts");
  return new PlainTransforms();
}
