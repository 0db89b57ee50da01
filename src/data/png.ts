/**
 * Writes an image as a PNG file.
 *
 * @module
 */
import { loadSharp } from "../deps/sharp.ts";
import type { Image } from "./image.ts";

/** Encodes an RGB image. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const { width, height, data } = image;
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .png().toBuffer();
}
