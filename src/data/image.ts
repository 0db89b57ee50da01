/**
 * A decoded image, as every data set hands it to the patch workers, and what its
 * pixels are.
 *
 * @module
 */
import { luma } from "./luma.ts";

/** Numbers of pixels: bytes, or 16 bits. */
export type Samples = Uint8Array | Uint16Array;

/** What each pixel is made of. */
export interface PixelFormat {
  /** Numbers a pixel: 1 to 16. */
  channels: number;
  /** Bits of each. */
  bits: 8 | 16;
}

/** An image, rows from the top, the numbers of a pixel side by side. */
export interface Image {
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  /** Numbers a pixel: 3, red, green and blue, where it is not given. */
  channels?: number;
  /** `height × width × channels` numbers; their type says how many bits. */
  data: Samples;
}

/** What all named data sets have: red, green and blue bytes. */
export const RGB: PixelFormat = { channels: 3, bits: 8 };

/** The most channels of an image. */
export const MAX_CHANNELS = 16;

/** What the pixels of an image are. */
export function formatOf({ channels = 3, data }: Image): PixelFormat {
  return { channels, bits: data instanceof Uint16Array ? 16 : 8 };
}

/** Whether two formats are one. */
export function isFormat(a: PixelFormat, b: PixelFormat): boolean {
  return a.channels === b.channels && a.bits === b.bits;
}

/** In words: `3 channels of 8 bits`. */
export function formatName({ channels, bits }: PixelFormat): string {
  return `${channels} ${
    channels === 1 ? "channel" : "channels"
  } of ${bits} bits`;
}

/** Room for so many numbers. */
export function samples(length: number, bits: 8 | 16): Samples {
  return bits === 16 ? new Uint16Array(length) : new Uint8Array(length);
}

/**
 * An image in another format, where that means something: colour to grey by
 * Pillow's weights, grey to three equal channels, 16 bits to their upper 8.
 *
 * @throws {Error} Where it does not, with what the image has.
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
    throw new Error(
      `it has ${formatName(found)}, where ${formatName(wanted)} are wanted`,
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

/**
 * An image to be looked at: its first three channels as red, green and blue, or
 * its first alone as grey where it has fewer; the upper 8 bits of 16.
 */
export function toDisplay(image: Image): Image {
  const { channels, bits } = formatOf(image);
  if (channels === 3 && bits === 8) return image;
  const { width, height, data } = image,
    rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const pixel = Math.floor(i / 3), c = channels < 3 ? 0 : i % 3;
    const value = data[pixel * channels + c]!;
    rgb[i] = bits === 16 ? value >> 8 : value;
  }
  return { width, height, data: rgb };
}
