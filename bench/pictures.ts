/**
 * Generated images for the files of the benches.
 *
 * @module
 */
import { loadSharp } from "../src/deps/sharp.ts";

/**
 * A coarse image of random colours, enlarged: its file is about as large as that of a
 * photograph.
 *
 * @param seed Each seed gives another image.
 * @param from Width and height of the coarse image.
 * @param to Width and height of the image.
 * @returns sharp's pipeline, to be encoded.
 */
export async function picture(
  seed: number,
  from: readonly [number, number],
  to: readonly [number, number],
) {
  const [width, height] = from;
  const coarse = new Uint8Array(width * height * 3);
  coarse.forEach((_, i) => coarse[i] = Math.imul(i + seed, 2654435761) >>> 24);
  const sharp = await loadSharp();
  return sharp(coarse, { raw: { width, height, channels: 3 } })
    .resize(...to, { fit: "fill" });
}
