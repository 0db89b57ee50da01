/**
 * Images with any number of channels: multi-band TIFF files, and NumPy arrays.
 *
 * @module
 */
import { loadGeoTiff } from "../deps/geotiff.ts";
import { type Image, MAX_CHANNELS, type Samples } from "./image.ts";

/** Whether a file is a TIFF or a BigTIFF, in either byte order (`II`, `MM`). */
export function isTiff(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return a === 0x49 && b === 0x49 && (c === 42 || c === 43) && d === 0 ||
    a === 0x4d && b === 0x4d && c === 0 && (d === 42 || d === 43);
}

/** Values of the tag PhotometricInterpretation: grey, RGB, YCbCr, the kinds of Lab. */
const GREY = 1, COLOUR = 2, YCBCR = 6, LAB = [8, 9, 10];
/** Values of the tag Compression: JPEG, whose decoder converts YCbCr to RGB. */
const JPEG = [6, 7];

/**
 * Rejects a TIFF of colours that would be taken for RGB as they are stored; other files
 * are not looked at.
 */
export async function checkColours(bytes: Uint8Array): Promise<void> {
  if (!isTiff(bytes)) return;
  // A decoder may read what this reader of tags does not.
  const image = await firstImage(bytes).catch(() => undefined);
  if (image === undefined) return;
  const { fileDirectory } = image;
  const photometric = Number(
    fileDirectory.getValue("PhotometricInterpretation"),
  );
  if (LAB.includes(photometric)) {
    throw new Error("its colours are in Lab (convert it to RGB)");
  }
  const compression = Number(fileDirectory.getValue("Compression"));
  if (photometric === YCBCR && !JPEG.includes(compression)) {
    throw new Error(
      "its colours are YCbCr without JPEG compression (convert it to RGB)",
    );
  }
}

/** The tags of a TIFF's first image, with what reads its pixels. */
async function firstImage(bytes: Uint8Array) {
  const { fromArrayBuffer } = await loadGeoTiff();
  const file = await fromArrayBuffer(bytes.slice().buffer);
  return await file.getImage();
}

/** Decodes the first image of a TIFF file with all its bands, as they are stored. */
export async function decodeTiff(
  bytes: Uint8Array,
  maxPixels: number,
): Promise<Image> {
  return (await readTiff(bytes, maxPixels)).image;
}

/**
 * Decodes a TIFF file that sharp does not take for RGB, although it has three bands of
 * bytes.
 *
 * @throws {Error} For all others, with the flags that read the bands.
 */
export async function decodeRgbTiff(
  bytes: Uint8Array,
  maxPixels: number,
): Promise<Image> {
  const { image, photometric } = await readTiff(bytes, maxPixels);
  const { channels = 0, data } = image;
  const wide = data instanceof Uint16Array;
  const isPlain = photometric === GREY || photometric === COLOUR;
  if (channels === 3 && !wide && isPlain) return image;
  throw new Error(
    `it has ${channels} channels, neither RGB nor grey (--channels ` +
      `${channels}${wide ? " --bits 16" : ""} reads all)`,
  );
}

async function readTiff(
  bytes: Uint8Array,
  maxPixels: number,
): Promise<{ image: Image; photometric: unknown }> {
  const image = await firstImage(bytes);
  const width = image.getWidth(), height = image.getHeight();
  const channels = image.getSamplesPerPixel();
  checkSize({ width, height, channels }, maxPixels);
  const bits = image.getBitsPerSample(), format = image.getSampleFormat();
  if (format !== 1 || bits !== 8 && bits !== 16) {
    throw new Error(
      `its values are ${bits}-bit ${
        format === 1 ? "unsigned" : format === 3 ? "floating point" : "signed"
      } (only 8-bit and 16-bit unsigned can be read)`,
    );
  }
  const photometric = image.fileDirectory.getValue("PhotometricInterpretation");
  // Each part has an entry in the file: few bytes cannot have many.
  const across = Math.ceil(width / image.getTileWidth());
  const down = Math.ceil(height / image.getTileHeight());
  if (!(4 * across * down <= bytes.length)) {
    throw new Error("its parts are smaller than the file can list");
  }
  const data = await image.readRasters({ interleave: true }) as Samples;
  return { image: { width, height, channels, data }, photometric };
}

/** Magic bytes of a `.npy` file. */
const NPY = "\x93NUMPY";

/** Whether a file is a NumPy array (`.npy`). */
export function isNpy(bytes: Uint8Array): boolean {
  return [...NPY].every((char, i) => bytes[i] === char.charCodeAt(0));
}

/**
 * Decodes an array of `height × width`, or `height × width × channels`. It is taken as
 * channels first where only the first side is the wanted number of channels, or only
 * the first is at most 16.
 */
export function decodeNpy(
  bytes: Uint8Array,
  maxPixels: number,
  wanted: number,
): Image {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = bytes[6]! > 1;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  const head = new TextDecoder("latin1").decode(
    bytes.subarray(long ? 12 : 10, start),
  );
  const [, order, type] = /'descr':\s*'([<>|=])(\w\d)'/.exec(head) ?? [];
  if (type !== "u1" && type !== "u2") {
    throw new Error(
      `its dtype is ${type ?? "unknown"} (only uint8 and uint16 can be read)`,
    );
  }
  if (/'fortran_order':\s*True/.test(head)) {
    throw new Error(
      "it is in Fortran order; save numpy.ascontiguousarray(array)",
    );
  }
  const [, sides = ""] = /'shape':\s*\(([\d,\s]*)\)/.exec(head) ?? [];
  const shape = sides.split(",").map((side) => side.trim())
    .filter((side) => side !== "").map(Number);
  const planar = shape.length === 3 && shape[2] !== wanted &&
    (shape[0] === wanted ||
      shape[2]! > MAX_CHANNELS && shape[0]! <= MAX_CHANNELS);
  const [height = 0, width = 0, channels = 1] = planar
    ? [shape[1], shape[2], shape[0]]
    : shape;
  if (shape.length < 2 || shape.length > 3) {
    throw new Error(
      `its shape is (${shape}), but an image has two or three dimensions`,
    );
  }
  checkSize({ width, height, channels }, maxPixels);
  const count = width * height * channels, wide = type === "u2";
  if (bytes.length - start < count * (wide ? 2 : 1)) {
    throw new Error("its data is truncated");
  }
  const copy = bytes.slice(start, start + count * (wide ? 2 : 1));
  const values = wide ? new Uint16Array(copy.buffer, 0, count) : copy;
  if (wide && order === ">") {
    values.forEach((value, i) => values[i] = value >> 8 | (value & 255) << 8);
  }
  const data = planar ? interleave(values, channels) : values;
  return { width, height, channels, data };
}

/** From channels first to channels last. */
function interleave<T extends Samples>(planes: T, channels: number): T {
  const pixels = planes.length / channels, data = planes.slice() as T;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < pixels; i++) {
      data[i * channels + c] = planes[c * pixels + i]!;
    }
  }
  return data;
}

function checkSize(
  { width, height, channels }: {
    width: number;
    height: number;
    channels: number;
  },
  maxPixels: number,
): void {
  const pixels = width * height;
  if (!(pixels > 0) || pixels > maxPixels) {
    throw new Error(
      `it has ${width} × ${height} pixels (1 to ${maxPixels} can be read)`,
    );
  }
  if (channels < 1 || channels > MAX_CHANNELS) {
    throw new Error(
      `it has ${channels} channels (up to ${MAX_CHANNELS} can be read)`,
    );
  }
}
