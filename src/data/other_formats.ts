/**
 * Image formats that torchvision's loader decodes and sharp does not: BMP, PPM and
 * PGM. They are recognised by their first bytes, whatever the file's name.
 *
 * @module
 */
import { loadBmpDecoder } from "../deps/bmp.ts";
import { concatBytes } from "../common/files.ts";
import { type Image, samples } from "./image.ts";

/** Bytes of the masks after the shortest BMP header: of bit fields, and with alpha. */
const BMP_MASKS: Readonly<Record<number, number>> = { 3: 12, 6: 16 };

async function decodeBmp(bytes: Uint8Array, most: number): Promise<Image> {
  const decode = await loadBmpDecoder();
  if (bytes.length < 54) throw new Error("it has no complete BMP header");
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = head.getUint32(14, true);
  // The header of OS/2 has other fields.
  if (size < 40) throw new Error(`its BMP header of ${size} bytes is unknown`);
  const at = head.getUint32(10, true), width = head.getUint32(18, true);
  const height = Math.abs(head.getInt32(22, true));
  const bits = head.getUint16(28, true), compression = head.getUint32(30, true);
  if (!(width * height <= most) || width * height === 0) {
    throw new Error(`it has ${width} × ${height} pixels`);
  }
  // bmp-ts scales 31 to 248, not to 255.
  if (bits === 16) {
    throw new Error("it is a BMP of 16 bits a pixel, which cannot be read");
  }
  // bmp-ts mixes up the colours of these.
  if (compression === 1 || compression === 2) {
    throw new Error("it is a run-length encoded BMP, which cannot be read");
  }
  const colors = head.getUint32(46, true);
  const palette = bits <= 8 && colors === 0 ? 1 << bits : colors;
  const masks = size > 40 ? 0 : BMP_MASKS[compression] ?? 0;
  const end = 14 + size + masks + 4 * palette;
  // bmp-ts expects the pixels directly after the palette.
  const whole = at > end
    ? concatBytes([bytes.subarray(0, end), bytes.subarray(at)])
    : bytes.slice();
  // Without compression these masks, of longer headers, mean nothing; bmp-ts uses them.
  if (compression === 0 && bits === 32 && size > 40) {
    const masks = new DataView(whole.buffer, whole.byteOffset);
    [0xff0000, 0xff00, 0xff].forEach((mask, i) =>
      masks.setUint32(54 + 4 * i, mask, true)
    );
  }
  // bmp-ts stops at the end of a row of half a byte. The unused half is decoded too.
  const wide = bits === 4 ? width + width % 2 : width;
  new DataView(whole.buffer, whole.byteOffset).setUint32(18, wide, true);
  const { data: abgr } = decode(whole);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = 3 * (y * width + x), from = 4 * (y * wide + x) + 3;
      for (let c = 0; c < 3; c++) data[to + c] = abgr[from - c]!;
    }
  }
  return { width, height, data };
}

/** Magic number, width, height and maximum value, between spaces and comments. */
const PNM_HEADER =
  /^P([56])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s/;

/**
 * Decodes PGM (`P5`) and PPM (`P6`). Values of two bytes stay 16-bit where `bits` is 16;
 * all are scaled to the whole range, as Pillow does.
 */
function decodePnm(bytes: Uint8Array, bits: 8 | 16): Image {
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
  const channels = kind === "6" ? 3 : 1, count = width * height * channels;
  if (!(most >= 1 && most <= 65535)) {
    throw new Error(`its maximum value is ${most} (1 to 65535 can be read)`);
  }
  const wide = most > 255;
  const values = bytes.subarray(all.length);
  if (count === 0 || values.length < count * (wide ? 2 : 1)) {
    throw new Error("its pixel data is empty or truncated");
  }
  const view = new DataView(values.buffer, values.byteOffset);
  const kept = wide ? bits : 8, largest = 2 ** kept - 1;
  const data = samples(count, kept);
  for (let i = 0; i < count; i++) {
    const value = wide ? view.getUint16(2 * i) : values[i]!;
    data[i] = Math.min(largest, Math.round(value * largest / most));
  }
  return { width, height, channels, data };
}

/**
 * Decodes the formats that sharp does not; undefined for any other format.
 *
 * @param most Limit of the number of pixels.
 * @param bits Whether values of 16 bits are kept or scaled to 8.
 */
export function decodeOther(
  bytes: Uint8Array,
  most: number,
  bits: 8 | 16,
): Promise<Image> | Image | undefined {
  const [first, second] = bytes;
  if (first === 0x42 && second === 0x4d) return decodeBmp(bytes, most);
  if (first === 0x50 && (second === 0x35 || second === 0x36)) {
    return decodePnm(bytes, bits);
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
