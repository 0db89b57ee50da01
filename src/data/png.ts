/**
 * Writes an image as a PNG file.
 *
 * @module
 */
import { loadSharp } from "../deps/sharp.ts";
import { type Image, toDisplay } from "./image.ts";

/** Encodes an image, as {@linkcode toDisplay} shows it. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const { width, height, data } = toDisplay(image);
  return await sharp(data, { raw: { width, height, channels: 3 } })
    .png().toBuffer();
}
