// The colour transforms, on patches in memory. Each gives the same bytes as its
// counterpart in the TypeScript files of src/patches; up to 48 bytes past the patch's
// end are scratch.
import { blue, floats, green, red, storePixels, toBytes } from "./pixels";

const STEP: usize = 48;

/** Interleaves the first eight bytes of two channels. */
// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/**
 * `luma` of data/luma.ts for four pixels. Green's weight, 38470, is too large for a
 * signed 16-bit factor: green is added twice, with half the weight.
 */
// @ts-ignore: decorator
@inline
function luma4(r: v128, g: v128, b: v128, part: i32): v128 {
  const redGreen = part < 2 ? lowPairs(r, g) : highPairs(r, g);
  const greenBlue = part < 2 ? lowPairs(g, b) : highPairs(g, b);
  const first = part & 1
    ? i16x8.extend_high_i8x16_u(redGreen)
    : i16x8.extend_low_i8x16_u(redGreen);
  const second = part & 1
    ? i16x8.extend_high_i8x16_u(greenBlue)
    : i16x8.extend_low_i8x16_u(greenBlue);
  const sum = i32x4.add(
    i32x4.dot_i16x8_s(first, i16x8(19595, 19235, 19595, 19235, 19595, 19235, 19595, 19235)),
    i32x4.dot_i16x8_s(second, i16x8(19235, 7471, 19235, 7471, 19235, 7471, 19235, 7471)),
  );
  return i32x4.shr_u(i32x4.add(sum, i32x4.splat(0x8000)), 16);
}

// @ts-ignore: decorator
@inline
function luma(r: v128, g: v128, b: v128): v128 {
  return toBytes(luma4(r, g, b, 0), luma4(r, g, b, 1), luma4(r, g, b, 2), luma4(r, g, b, 3));
}

/** `blend` of image_ops.ts, without the clamping, which `toBytes` does. */
// @ts-ignore: decorator
@inline
function blend4(first: v128, second: v128, alpha: v128): v128 {
  return i32x4.relaxed_trunc_f32x4_s(
    f32x4.add(first, f32x4.mul(alpha, f32x4.sub(second, first))),
  );
}

// @ts-ignore: decorator
@inline
function blend(first: v128, second: v128, alpha: v128): v128 {
  return toBytes(
    blend4(floats(first, 0), floats(second, 0), alpha),
    blend4(floats(first, 1), floats(second, 1), alpha),
    blend4(floats(first, 2), floats(second, 2), alpha),
    blend4(floats(first, 3), floats(second, 3), alpha),
  );
}

/** Blends with one grey: 0 for brightness, the mean for contrast. */
export function blendWith(patch: usize, bytes: usize, grey: f32, factor: f32): void {
  const first = f32x4.splat(grey), alpha = f32x4.splat(factor);
  for (let at = patch, end = patch + bytes; at < end; at += 16) {
    const x = v128.load(at);
    v128.store(
      at,
      toBytes(
        blend4(first, floats(x, 0), alpha),
        blend4(first, floats(x, 1), alpha),
        blend4(first, floats(x, 2), alpha),
        blend4(first, floats(x, 3), alpha),
      ),
    );
  }
}

/** The sum of the greys of all pixels, for contrast. */
export function sumOfLuma(patch: usize, bytes: usize): i32 {
  memory.fill(patch + bytes, 0, STEP);
  let sum = i32x4.splat(0);
  for (let at = patch, end = patch + bytes; at < end; at += STEP) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32);
    const r = red(a, b, c), g = green(a, b, c), l = blue(a, b, c);
    sum = i32x4.add(sum, i32x4.add(luma4(r, g, l, 0), luma4(r, g, l, 1)));
    sum = i32x4.add(sum, i32x4.add(luma4(r, g, l, 2), luma4(r, g, l, 3)));
  }
  return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) +
    i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
}

/** Saturation. */
export function saturate(patch: usize, bytes: usize, factor: f32): void {
  const alpha = f32x4.splat(factor);
  for (let at = patch, end = patch + bytes; at < end; at += STEP) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32);
    const r = red(a, b, c), g = green(a, b, c), l = blue(a, b, c);
    const grey = luma(r, g, l);
    storePixels(at, blend(grey, r, alpha), blend(grey, g, alpha), blend(grey, l, alpha));
  }
}

/** Grayscale. */
export function grayscale(patch: usize, bytes: usize): void {
  for (let at = patch, end = patch + bytes; at < end; at += STEP) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32);
    const grey = luma(red(a, b, c), green(a, b, c), blue(a, b, c));
    storePixels(at, grey, grey, grey);
  }
}

/** Solarize: inverts bytes whose highest bit is set. */
export function solarize(patch: usize, bytes: usize): void {
  for (let at = patch, end = patch + bytes; at < end; at += 16) {
    const x = v128.load(at);
    v128.store(at, v128.xor(x, i8x16.shr_s(x, 7)));
  }
}
