/**
 * Image formats that torchvision's loader decodes and sharp does not: BMP, PPM and
 * PGM. They are recognised by their first bytes, whatever the file's name.
 *
 * @module
 */
import { loadBmpDecoder } from "../deps/bmp.ts";
import type { Image } from "./image.ts";

async function decodeBmp(bytes: Uint8Array): Promise<Image> {
  const decode = await loadBmpDecoder();
  const { width, height, data: abgr } = decode(bytes);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[3 * i + c] = abgr[4 * i + 3 - c]!;
  }
  return { width, height, data };
}

/** Magic number, width, height and maximum value, between spaces and comments. */
const PNM_HEADER =
  /^P([56])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s/;

/** Decodes PGM (`P5`) and PPM (`P6`) with one byte per value. */
function decodePnm(bytes: Uint8Array): Image {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 1000));
  const found = PNM_HEADER.exec(head);
  if (found === null) {
    throw new Error("it has no header of a binary PGM or PPM");
  }
  const [all, kind, ...numbers] = found;
  const [width, height, most] = numbers.map(Number) as [
    number,
    number,
    number,
  ];
  const channels = kind === "6" ? 3 : 1, pixels = width * height;
  const values = bytes.subarray(all.length, all.length + pixels * channels);
  if (!(most >= 1 && most <= 255)) {
    throw new Error(`its maximum value is ${most} (1 to 255 can be read)`);
  }
  if (pixels === 0 || values.length < pixels * channels) {
    throw new Error("its pixel data is empty or truncated");
  }
  const data = new Uint8Array(pixels * 3);
  for (let i = 0; i < data.length; i++) {
    const value = values[channels === 3 ? i : Math.floor(i / 3)]!;
    data[i] = Math.min(255, Math.floor(value * 255 / most + 0.5));
  }
  return { width, height, data };
}

/** Decodes the formats that sharp does not; undefined for any other format. */
export function decodeOther(
  bytes: Uint8Array,
): Promise<Image> | Image | undefined {
  const [first, second] = bytes;
  if (first === 0x42 && second === 0x4d) return decodeBmp(bytes);
  if (first === 0x50 && (second === 0x35 || second === 0x36)) {
    return decodePnm(bytes);
  }
  return undefined;
}

/**
 * A GIF without a transparent colour in its first frame, as Pillow keeps the colour
 * of the palette there, where a decoder would give black. Other files are unchanged.
 */
export function withoutTransparency(bytes: Uint8Array): Uint8Array {
  const isGif = bytes[0] === 0x47 && bytes[1] === 0x49 && bytes[2] === 0x46;
  if (!isGif) return bytes;
  const palette = bytes[10]! & 0x80 ? 3 << ((bytes[10]! & 7) + 1) : 0;
  // Extension blocks (0x21) precede the frame; 0xf9 is the graphic control.
  for (let at = 13 + palette; bytes[at] === 0x21;) {
    if (bytes[at + 1] === 0xf9) {
      const copy = bytes.slice();
      copy[at + 3]! &= ~1;
      return copy;
    }
    at += 2;
    while (bytes[at]! > 0) at += bytes[at]! + 1;
    at++;
  }
  return bytes;
}
