/**
 * Decodes an image file to 8-bit RGB, as torchvision's loader does with Pillow's
 * `convert("RGB")`: greyscale and CMYK are converted, alpha is dropped, and colour
 * profiles are ignored. Unlike there, EXIF orientation is applied, and 16 bits are
 * scaled to 8, which Pillow clips. Other pixel formats can be asked for.
 *
 * @module
 */
import { loadSharp, type SharpConstructor } from "../deps/sharp.ts";
import { checkCount } from "../common/count.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import {
  checkColours,
  decodeNpy,
  decodeRgbTiff,
  decodeTiff,
  isNpy,
  isTiff,
} from "./bands.ts";
import {
  FORMAT_REMEDY,
  FormatMismatch,
  type Image,
  isFormat,
  type PixelFormat,
  RGB,
  samples,
  toFormat,
} from "./image.ts";
import { decodeOther, withoutTransparency } from "./other_formats.ts";

/** Largest allowed image, in pixels: guards against decompression bombs. */
export const MAX_PIXELS = 178_956_970;

type Sharp = ReturnType<SharpConstructor>;

let loaded: Promise<SharpConstructor> | undefined;
const sharpOnce = () => loaded ??= loadSharp();

/** How an image is decoded. */
export interface DecodeOptions {
  /**
   * Shrink so that the shorter side has this many pixels; a JPEG is then decoded at
   * reduced size. Ignored for `.npy`, and unless RGB bytes are wanted.
   */
  shrinkTo?: number;
  /** Wanted pixel format: RGB bytes where it is not given. */
  pixels?: PixelFormat;
}

/**
 * Reads and decodes one file.
 *
 * @param path A JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PPM, PGM or `.npy` file.
 * @param options See {@linkcode DecodeOptions}.
 * @returns The image, with EXIF orientation applied.
 * @throws {EmpSslError} `NOT_FOUND`; `INVALID_DATA`, with the path, where the file is not a
 * complete image or has more than {@linkcode MAX_PIXELS} pixels.
 */
export async function decodeFile(
  path: string,
  options: DecodeOptions = {},
): Promise<Image> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw new EmpSslError({
      action: "read",
      subject: path,
      found: messageOf(error),
      remedy: "check the file",
      code: error instanceof Deno.errors.NotFound
        ? "NOT_FOUND"
        : "INVALID_DATA",
      cause: error,
    });
  }
  return await decodeBytes(bytes, path, options);
}

/**
 * Decodes the bytes of an image file; otherwise as {@linkcode decodeFile}.
 *
 * @param bytes A whole file.
 * @param name Its name in errors.
 * @param options As for {@linkcode decodeFile}.
 * @throws {EmpSslError} `INVALID_DATA`, as {@linkcode decodeFile}.
 *
 * @example An image of two pixels
 * ```ts
 * import { decodeBytes } from "./decode.ts";
 *
 * const ppm = new TextEncoder().encode("P6 2 1 255 abcdef");
 * const { width, height, data } = await decodeBytes(ppm, "two pixels");
 * console.assert(width === 2 && height === 1 && data[0] === 97);
 * ```
 */
export async function decodeBytes(
  bytes: Uint8Array,
  name: string,
  { shrinkTo, pixels = RGB }: DecodeOptions = {},
): Promise<Image> {
  const subject = `shrinkTo ${shrinkTo}`;
  checkCount(shrinkTo, { action: "decode with", subject });
  // Slices of Node's Buffer, which is a Uint8Array too, share its memory.
  const file = new Uint8Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength,
  );
  // An error of the decoder itself is not one of this file.
  await sharpOnce();
  try {
    if (file.length === 0) throw new Error("it is empty");
    await checkColours(file);
    const decode = (failOn: FailOn) =>
      !isFormat(pixels, RGB) || isNpy(file)
        ? decodeAsStored(file, pixels, failOn)
          .then((image) => toFormat(image, pixels))
        : decodeAsRgb(file, shrinkTo, failOn);
    // libtiff and libjpeg only warn of damage, and fill with black or grey.
    return await decode("warning").catch((error) => {
      if (DAMAGE.test(messageOf(error))) throw error;
      // The warning was of something else, such as a tag.
      return decode(isTiff(file) ? "error" : "truncated");
    });
  } catch (error) {
    throw new EmpSslError({
      action: "decode",
      subject: name,
      found: messageOf(error).split("\n")[0]!,
      remedy: error instanceof FormatMismatch
        ? FORMAT_REMEDY
        : "replace or remove the file",
      code: "INVALID_DATA",
      cause: error,
    });
  }
}

/** At what a decoder gives up: at any warning, or where the file ends too soon. */
type FailOn = "warning" | "error" | "truncated";

/** The warnings of libjpeg and libtiff where the data of a part are damaged. */
const DAMAGE =
  /premature end of data segment|read error|not enough data|decod\w* error/i;

/** Decodes an image as RGB of 8 bits, perhaps shrunk. */
async function decodeAsRgb(
  file: Uint8Array,
  shrinkTo: number | undefined,
  failOn: FailOn,
): Promise<Image> {
  const other = await decodeOther(file, MAX_PIXELS, 8);
  if (other !== undefined) {
    const whole = toFormat(other, RGB);
    return shrinkTo === undefined ? whole : await shrunk(whole, shrinkTo);
  }
  const upright = await uprightImage(file, failOn);
  // A TIFF may have more bands than sharp can read.
  const kind = await upright.metadata().catch((error) => {
    if (!isTiff(file)) throw error;
  });
  if (kind === undefined || hasBands(kind) || isFloatColour(kind)) {
    const bands = await decodeRgbTiff(file, MAX_PIXELS);
    return shrinkTo === undefined ? bands : await shrunk(bands, shrinkTo);
  }
  checkIsRaster(kind);
  const { hasAlpha, space } = kind;
  if (space === "cmyk") return await cmyk(upright, shrinkTo);
  // sharp's resize weights colours by alpha, which turns transparent pixels black:
  // alpha is dropped first.
  if (shrinkTo !== undefined && !hasAlpha) shrink(upright, shrinkTo);
  const whole = await rgb(upright);
  return shrinkTo === undefined || !hasAlpha
    ? whole
    : await shrunk(whole, shrinkTo);
}

/** Rejects drawings, which Pillow does not read either. */
function checkIsRaster({ format }: { format?: string }): void {
  if (format === "svg" || format === "pdf") {
    throw new Error(`it is a drawing (${format}), not an image`);
  }
}

/** Whether a file has more channels than a colour and its alpha. */
function hasBands(
  { space, channels }: { space: string; channels: number },
): boolean {
  const grey = space === "b-w" || space === "grey16";
  return channels > (grey ? 2 : 4) && space !== "cmyk";
}

/** Whether it has colours as floats, which sharp takes for linear light. */
function isFloatColour(
  { depth = "", channels }: { depth?: string; channels: number },
): boolean {
  return channels > 2 && /float|double/.test(depth);
}

/** A file as sharp reads it, turned as its EXIF data say. */
async function uprightImage(
  bytes: Uint8Array,
  failOn: FailOn,
): Promise<Sharp> {
  const sharp = await sharpOnce();
  return sharp(withoutTransparency(bytes), {
    failOn,
    limitInputPixels: MAX_PIXELS,
    // Pillow keeps the stored values and ignores the colour profile.
    ignoreIcc: true,
  }).rotate();
}

/** Decodes an image with the channels and bits of its file, without alpha. */
async function decodeAsStored(
  bytes: Uint8Array,
  { channels: wanted, bits }: PixelFormat,
  failOn: FailOn,
): Promise<Image> {
  if (isNpy(bytes)) return decodeNpy(bytes, MAX_PIXELS, wanted);
  const other = await decodeOther(bytes, MAX_PIXELS, bits);
  if (other !== undefined) return other;
  const image = await uprightImage(bytes, failOn);
  if (isTiff(bytes)) {
    // sharp treats extra bands of a TIFF as alpha.
    const kind = await image.metadata().catch(() => undefined);
    const isColour = kind !== undefined && !hasBands(kind) &&
      !isFloatColour(kind);
    if (!isColour || wanted !== 1 && wanted !== 3) {
      return await decodeTiff(bytes, MAX_PIXELS);
    }
  }
  const { space, depth, format } = await image.metadata();
  checkIsRaster({ format });
  if (space === "cmyk") return await cmyk(image);
  const wide = depth === "ushort";
  const grey = space === "b-w" || space === "grey16";
  const space16 = grey ? "grey16" : "rgb16";
  const stored = wide
    ? image.pipelineColourspace(space16).toColourspace(space16)
    : image.toColourspace(grey ? "b-w" : "srgb");
  const { data, info } = await stored.removeAlpha()
    .raw({ depth: wide ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (!wide) return { width, height, channels, data };
  const words = samples(data.length / 2, 16);
  new Uint8Array(words.buffer).set(data);
  return { width, height, channels, data: words };
}

/** Shrinks so that the shorter side has `side` pixels; never enlarges. */
function shrink(image: Sharp, side: number): Sharp {
  return image.resize(side, side, {
    fit: "outside",
    withoutEnlargement: true,
  });
}

/** Shrinks a decoded image. */
async function shrunk(
  { width, height, data }: Image,
  side: number,
): Promise<Image> {
  const sharp = await sharpOnce();
  const raw = sharp(data, { raw: { width, height, channels: 3 } });
  return await rgb(shrink(raw, side));
}

/**
 * CMYK to RGB bytes by Pillow's formula, R = (255 − K) − C·(255 − K)/255, and likewise
 * G and B.
 */
async function cmyk(image: Sharp, side?: number): Promise<Image> {
  if (side !== undefined) shrink(image, side);
  const wide = (await image.metadata()).depth === "ushort";
  const { data: stored, info } = await image.pipelineColourspace("cmyk")
    .toColourspace("cmyk").raw({ depth: wide ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  // Of 16 bits the upper byte, as Pillow.
  const data = wide ? stored.filter((_, i) => i % 2 === 1) : stored;
  const { width, height, channels } = info, pixels = width * height;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const left = 255 - data[i * channels + 3]!;
    for (let c = 0; c < 3; c++) {
      // MULDIV255 of Pillow's ImagingUtils.h: a·b/255, rounded.
      const product = data[i * channels + c]! * left + 128;
      rgb[3 * i + c] = Math.max(0, left - (((product >> 8) + product) >> 8));
    }
  }
  return { width, height, data: rgb };
}

/** The image as RGB bytes. */
async function rgb(image: Sharp): Promise<Image> {
  const { data, info } = await image.toColourspace("srgb").removeAlpha()
    .raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return toFormat({ width, height, channels, data }, RGB);
}
