/**
 * A decoded image, as data sets give it to the patch workers, and its pixel format.
 *
 * @module
 */
import { luma } from "./luma.ts";

/** Pixel values of 8 or 16 bits. */
export type Samples = Uint8Array | Uint16Array;

/** Channels and bits of a pixel. */
export interface PixelFormat {
  /** Number of channels: 1 to 16. */
  channels: number;
  /** Bits per channel. */
  bits: 8 | 16;
}

/** An image, row by row from the top, channels last. */
export interface Image {
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** Number of channels: 3 (red, green and blue) where it is not given. */
  channels?: number;
  /** `height × width × channels` values; the array's type gives the bits. */
  data: Samples;
}

/** 8-bit RGB, the default format of all named data sets. */
export const RGB: PixelFormat = { channels: 3, bits: 8 };

/** Maximum number of channels of an image. */
export const MAX_CHANNELS = 16;

/** The pixel format of an image. */
export function formatOf({ channels = 3, data }: Image): PixelFormat {
  return { channels, bits: data instanceof Uint16Array ? 16 : 8 };
}

/** Whether two formats are equal. */
export function isFormat(a: PixelFormat, b: PixelFormat): boolean {
  return a.channels === b.channels && a.bits === b.bits;
}

/** A format in words: `3 channels of 8 bits`. */
export function formatName({ channels, bits }: PixelFormat): string {
  return `${channels} ${
    channels === 1 ? "channel" : "channels"
  } of ${bits} bits`;
}

/** An array for pixel values. */
export function samples(length: number, bits: 8 | 16): Samples {
  return bits === 16 ? new Uint16Array(length) : new Uint8Array(length);
}

/** The error of an image that cannot be converted to a pixel format. */
export class FormatMismatch extends Error {}

/** What a user can do about it. */
export const FORMAT_REMEDY =
  "give images of that kind, or train with other --channels and --bits";

/**
 * An image in another format, where a conversion is defined: RGB to grey by Pillow's
 * weights, grey to three equal channels, 16 bits to their upper 8.
 *
 * @throws {FormatMismatch} Where none is defined; it names the image's format.
 *
 * @example Colour to grey
 * ```ts
 * import { toFormat } from "./image.ts";
 *
 * const red = { width: 1, height: 1, data: Uint8Array.of(255, 0, 0) };
 * const { data } = toFormat(red, { channels: 1, bits: 8 });
 * console.assert(data.length === 1 && data[0] === 76);
 * ```
 */
export function toFormat(image: Image, wanted: PixelFormat): Image {
  const found = formatOf(image);
  if (isFormat(found, wanted)) return image;
  const { width, height } = image, pixels = width * height;
  const fits = wanted.channels === found.channels ||
    wanted.channels === 1 && found.channels === 3 ||
    wanted.channels === 3 && found.channels === 1;
  if (!fits || wanted.bits > found.bits) {
    throw new FormatMismatch(
      `it has ${formatName(found)} (expected ${formatName(wanted)})`,
    );
  }
  let { data } = image;
  if (wanted.channels === 1 && found.channels === 3) {
    const grey = samples(pixels, found.bits);
    for (let i = 0; i < pixels; i++) {
      grey[i] = luma(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!);
    }
    data = grey;
  } else if (wanted.channels === 3 && found.channels === 1) {
    const grey = data, rgb = samples(3 * pixels, found.bits);
    for (let i = 0; i < pixels; i++) rgb.fill(grey[i]!, 3 * i, 3 * i + 3);
    data = rgb;
  }
  if (wanted.bits < found.bits) data = Uint8Array.from(data, (v) => v >> 8);
  return { width, height, channels: wanted.channels, data };
}

/** Whether an image has all the values that its size says. */
export function isComplete(
  { width, height, channels = 3, data }: Image,
): boolean {
  return Number.isInteger(width) && width > 0 && Number.isInteger(height) &&
    height > 0 && (data instanceof Uint8Array || data instanceof Uint16Array) &&
    data.length === width * height * channels;
}

/**
 * An image for display: its first three channels as red, green and blue, or its
 * first one as grey where it has fewer than three. Of 16 bits, which cameras and
 * satellites seldom fill, the largest value becomes white.
 */
export function toDisplay(image: Image): Image {
  const { channels, bits } = formatOf(image);
  if (channels === 3 && bits === 8) return image;
  const { width, height, data } = image,
    rgb = new Uint8Array(width * height * 3);
  const shown = (i: number) =>
    data[Math.floor(i / 3) * channels + (channels < 3 ? 0 : i % 3)]!;
  let white = 255;
  if (bits === 16) {
    white = 1;
    for (let i = 0; i < rgb.length; i++) white = Math.max(white, shown(i));
  }
  for (let i = 0; i < rgb.length; i++) rgb[i] = shown(i) * 255 / white;
  return { width, height, data: rgb };
}
