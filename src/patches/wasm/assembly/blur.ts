// Blur and flip.
import { quarter } from "./pixels";

/** One box blur along the columns (`blurLine` of blur.ts), sixteen bytes at a time. */
export function blurColumns(
  input: usize,
  output: usize,
  stride: usize,
  rows: i32,
  radius: i32,
  centre: i32,
  edge: i32,
): void {
  const last = rows - 1;
  const inner = i32x4.splat(centre), outer = i32x4.splat(edge);
  const rounding = i32x4.splat(1 << 23);
  let x: usize = 0;
  while (true) {
    let a = i32x4.splat(0), b = a, c = a, d = a;
    for (let i = -radius - 1; i < radius; i++) {
      const row = i < 0 ? 0 : i < last ? i : last;
      const bytes = v128.load(input + x + <usize> row * stride);
      a = i32x4.add(a, quarter(bytes, 0));
      b = i32x4.add(b, quarter(bytes, 1));
      c = i32x4.add(c, quarter(bytes, 2));
      d = i32x4.add(d, quarter(bytes, 3));
    }
    for (let y = 0; y < rows; y++) {
      const leave = v128.load(input + x + <usize> max(y - radius - 1, 0) * stride);
      const enter = v128.load(input + x + <usize> min(y + radius, last) * stride);
      const beyond = v128.load(input + x + <usize> min(y + radius + 1, last) * stride);
      a = i32x4.add(a, i32x4.sub(quarter(enter, 0), quarter(leave, 0)));
      b = i32x4.add(b, i32x4.sub(quarter(enter, 1), quarter(leave, 1)));
      c = i32x4.add(c, i32x4.sub(quarter(enter, 2), quarter(leave, 2)));
      d = i32x4.add(d, i32x4.sub(quarter(enter, 3), quarter(leave, 3)));
      v128.store(
        output + x + <usize> y * stride,
        i8x16.narrow_i16x8_u(
          i16x8.narrow_i32x4_s(
            weigh(a, leave, beyond, 0, inner, outer, rounding),
            weigh(b, leave, beyond, 1, inner, outer, rounding),
          ),
          i16x8.narrow_i32x4_s(
            weigh(c, leave, beyond, 2, inner, outer, rounding),
            weigh(d, leave, beyond, 3, inner, outer, rounding),
          ),
        ),
      );
    }
    if (x + 16 >= stride) return;
    // Some columns may be computed twice, so that no write goes past the row.
    x = x + 32 > stride ? stride - 16 : x + 16;
  }
}

/** Unsigned arithmetic: 255 · 2^24 plus the rounding is below 2^32. */
// @ts-ignore: decorator
@inline
function weigh(
  sum: v128,
  leave: v128,
  beyond: v128,
  part: i32,
  inner: v128,
  outer: v128,
  rounding: v128,
): v128 {
  const ends = i32x4.add(quarter(leave, part), quarter(beyond, part));
  const bulk = i32x4.add(i32x4.mul(sum, inner), i32x4.mul(ends, outer));
  return i32x4.shr_u(i32x4.add(bulk, rounding), 24);
}

/** Transposes a square patch. */
export function transpose(input: usize, output: usize, size: i32): void {
  const stride = <usize> size * 3;
  for (let x = 0; x < size; x++) {
    let from = input + <usize> x * 3;
    for (let y = 0; y < size; y++) {
      // The fourth byte is overwritten by the next pixel.
      store<u32>(output, load<u32>(from));
      from += stride;
      output += 3;
    }
  }
}

/** Mirrors left to right. */
export function flip(patch: usize, size: i32): void {
  const stride = <usize> size * 3;
  for (let y = 0; y < size; y++) {
    let left = patch, right = patch + stride - 3;
    while (left < right) {
      const pair = load<u16>(left), third = load<u8>(left, 2);
      store<u16>(left, load<u16>(right));
      store<u8>(left, load<u8>(right, 2), 2);
      store<u16>(right, pair);
      store<u8>(right, third, 2);
      left += 3;
      right -= 3;
    }
    patch += stride;
  }
}
