// Converts sixteen RGB pixels at a time between 48 interleaved bytes in memory and three
// vectors of one channel each.

/** The channel that starts at byte 0 of the first of three vectors. */
// @ts-ignore: decorator
@inline
export function red(a: v128, b: v128, c: v128): v128 {
  const t = v128.shuffle<u8>(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
  return v128.shuffle<u8>(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
}

/** The channel that starts at byte 1. */
// @ts-ignore: decorator
@inline
export function green(a: v128, b: v128, c: v128): v128 {
  const t = v128.shuffle<u8>(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
  return v128.shuffle<u8>(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
}

/** The channel that starts at byte 2. */
// @ts-ignore: decorator
@inline
export function blue(a: v128, b: v128, c: v128): v128 {
  const t = v128.shuffle<u8>(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
  return v128.shuffle<u8>(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
}

/** Stores three channels as 48 interleaved bytes. */
// @ts-ignore: decorator
@inline
export function storePixels(at: usize, r: v128, g: v128, b: v128): void {
  let t = v128.shuffle<u8>(r, g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
  v128.store(at, v128.shuffle<u8>(t, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  t = v128.shuffle<u8>(r, g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
  v128.store(at, v128.shuffle<u8>(t, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), 16);
  t = v128.shuffle<u8>(r, g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
  v128.store(at, v128.shuffle<u8>(t, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), 32);
}

/** Four of sixteen bytes as 32-bit integers; `part` 0 to 3 selects the quarter. */
// @ts-ignore: decorator
@inline
export function quarter(bytes: v128, part: i32): v128 {
  const half = part < 2
    ? i16x8.extend_low_i8x16_u(bytes)
    : i16x8.extend_high_i8x16_u(bytes);
  return part & 1
    ? i32x4.extend_high_i16x8_u(half)
    : i32x4.extend_low_i16x8_u(half);
}

/** Four of sixteen bytes as floats. */
// @ts-ignore: decorator
@inline
export function floats(bytes: v128, part: i32): v128 {
  return f32x4.convert_i32x4_s(quarter(bytes, part));
}

/** Sixteen bytes from four vectors of 32-bit integers, clamped to 0 to 255. */
// @ts-ignore: decorator
@inline
export function toBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(a, b),
    i16x8.narrow_i32x4_s(c, d),
  );
}
