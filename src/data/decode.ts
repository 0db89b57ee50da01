/**
 * Decodes an image file to 8-bit RGB: any size, greyscale, alpha (over black,
 * as Pillow's `convert("RGB")` drops it), CMYK and EXIF orientation.
 *
 * @module
 */
import { loadSharp, type SharpConstructor } from "../deps/sharp.ts";
import { EmpSslError, messageOf } from "../errors.ts";
import type { Image } from "./image.ts";

/** The most pixels an image may have: beyond it lies a decompression bomb. */
export const MAX_PIXELS = 178_956_970;

type Sharp = ReturnType<SharpConstructor>;

let sharpOnce: Promise<SharpConstructor> | undefined;

/**
 * Reads and decodes one file.
 *
 * @param path A JPEG, PNG, WebP, GIF, TIFF or AVIF file.
 * @param shrinkTo Pixels that the shorter side needs no more than; a JPEG is
 * then decoded at a fraction of its size.
 * @returns The upright RGB image.
 * @throws {EmpSslError} `INVALID_DATA`, with the path, where the file is not a
 * whole image or has more than {@linkcode MAX_PIXELS} pixels.
 */
export async function decodeFile(
  path: string,
  shrinkTo?: number,
): Promise<Image> {
  const sharp = await (sharpOnce ??= loadSharp());
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw new EmpSslError({
      action: "read",
      subject: path,
      found: messageOf(error),
      remedy: "check the file",
      code: "INVALID_DATA",
      cause: error,
    });
  }
  try {
    const upright = sharp(bytes, {
      failOn: "truncated",
      limitInputPixels: MAX_PIXELS,
    }).rotate();
    const { hasAlpha } = await upright.metadata();
    // A resize weighs colours by alpha, so that hidden pixels would turn black:
    // the alpha goes first.
    if (shrinkTo !== undefined && !hasAlpha) shrink(upright, shrinkTo);
    const whole = await rgb(upright);
    if (shrinkTo === undefined || !hasAlpha) return whole;
    const { width, height, data } = whole;
    const raw = sharp(data, { raw: { width, height, channels: 3 } });
    return await rgb(shrink(raw, shrinkTo));
  } catch (error) {
    throw new EmpSslError({
      action: "decode",
      subject: path,
      found: messageOf(error).split("\n")[0],
      remedy: "replace or remove the file",
      code: "INVALID_DATA",
      cause: error,
    });
  }
}

/** Shrinks until the shorter side has so many pixels. */
function shrink(image: Sharp, side: number): Sharp {
  return image.resize(side, side, {
    fit: "outside",
    withoutEnlargement: true,
  });
}

/** The image as RGB bytes. */
async function rgb(image: Sharp): Promise<Image> {
  const { data, info } = await image.toColourspace("srgb").removeAlpha()
    .raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return {
    width,
    height,
    data: channels === 3 ? data : repeatChannels(data, channels),
  };
}

/** Greyscale to RGB. */
function repeatChannels(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    rgb.fill(data[i * channels], 3 * i, 3 * i + 3);
  }
  return rgb;
}
