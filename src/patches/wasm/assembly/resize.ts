// The two passes of resize.ts. A row is written in vectors of sixteen bytes, so
// that up to fifteen bytes after each row are scratch.

const BITS: i32 = 22;

// @ts-ignore: decorator
@inline
function half(): v128 {
  return i32x4.splat(1 << (BITS - 1));
}

/**
 * The vertical pass.
 *
 * @param input First byte of the crop; `inputStride` bytes a row.
 * @param output Rows of `stride` bytes, without gaps.
 * @param start First input row of each output row; `count`, how many; `weights`,
 * `size` for each output row.
 */
export function resizeColumns(
  input: usize,
  inputStride: usize,
  output: usize,
  stride: usize,
  rows: i32,
  start: usize,
  count: usize,
  weights: usize,
  size: i32,
): void {
  for (let y = 0; y < rows; y++) {
    const first = input + <usize> load<i32>(start + (<usize> y << 2)) * inputStride;
    const taps = load<i32>(count + (<usize> y << 2));
    const rowWeights = weights + (<usize> (y * size) << 2);
    for (let x: usize = 0; x < stride; x += 16) {
      let a = half(), b = half(), c = half(), d = half();
      let from = first + x;
      for (let i = 0; i < taps; i++) {
        const weight = v128.load_splat<i32>(rowWeights + (<usize> i << 2));
        const bytes = v128.load(from);
        const low = i16x8.extend_low_i8x16_u(bytes);
        const high = i16x8.extend_high_i8x16_u(bytes);
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), weight));
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), weight));
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), weight));
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), weight));
        from += inputStride;
      }
      v128.store(
        output + x,
        i8x16.narrow_i16x8_u(
          i16x8.narrow_i32x4_s(i32x4.shr_s(a, BITS), i32x4.shr_s(b, BITS)),
          i16x8.narrow_i32x4_s(i32x4.shr_s(c, BITS), i32x4.shr_s(d, BITS)),
        ),
      );
    }
    output += stride;
  }
}

/** The horizontal pass: a pixel is one vector of red, green, blue and scratch. */
export function resizeRows(
  input: usize,
  inputStride: usize,
  output: usize,
  width: i32,
  rows: i32,
  start: usize,
  count: usize,
  weights: usize,
  size: i32,
): void {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      let from = input + <usize> load<i32>(start + (<usize> x << 2)) * 3;
      const taps = load<i32>(count + (<usize> x << 2));
      let weight = weights + (<usize> (x * size) << 2);
      let sum = half();
      for (let i = 0; i < taps; i++) {
        const pixel = i32x4.extend_low_i16x8_u(
          i16x8.extend_low_i8x16_u(v128.load32_zero(from)),
        );
        sum = i32x4.add(sum, i32x4.mul(pixel, v128.load_splat<i32>(weight)));
        from += 3;
        weight += 4;
      }
      const whole = i16x8.narrow_i32x4_s(i32x4.shr_s(sum, BITS), sum);
      store<i32>(output, i32x4.extract_lane(i8x16.narrow_i16x8_u(whole, whole), 0));
      output += 3;
    }
    input += inputStride;
  }
}
