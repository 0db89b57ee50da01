// The two passes of resize.ts. The vertical pass writes rows in vectors of sixteen bytes:
// up to fifteen bytes after each row are scratch.

const BITS: i32 = 22;

// @ts-ignore: decorator
@inline
function half(): v128 {
  return i32x4.splat(1 << (BITS - 1));
}

/**
 * The vertical pass.
 *
 * @param input First byte of the crop, whose rows are `inputStride` bytes apart.
 * @param output Rows of `stride` bytes, without gaps.
 * @param start The first input row of each output row; `count`: the number of input rows;
 * `weights`: `size` weights for each output row.
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

/** Bits of the lower half of a weight that is split for 16-bit products. */
const LOW: i32 = 12;

/**
 * The horizontal pass: a pixel is one vector of red, green, blue and scratch; two inputs
 * and four rows are processed at a time. Up to three rows after the last are also read
 * and written: they are scratch.
 *
 * @param pairs The number of input pairs of each output. `weights` contains, for each
 * pair, the upper halves of both weights and then the lower halves, 16 bits each; `size`
 * pairs for each output.
 */
export function resizeRows(
  input: usize,
  inputStride: usize,
  output: usize,
  width: i32,
  rows: i32,
  start: usize,
  pairs: usize,
  weights: usize,
  size: i32,
): void {
  const stride = <usize> width * 3;
  for (let y = 0; y < rows; y += 4) {
    let output0 = output, output1 = output + stride;
    let output2 = output + 2 * stride, output3 = output + 3 * stride;
    for (let x = 0; x < width; x++) {
      let from = input + <usize> load<i32>(start + (<usize> x << 2)) * 3;
      let weight = weights + (<usize> (x * size) << 3);
      const end = weight + (<usize> load<i32>(pairs + (<usize> x << 2)) << 3);
      let upper0 = i32x4.splat(0), upper1 = upper0, upper2 = upper0, upper3 = upper0;
      let lower0 = half(), lower1 = lower0, lower2 = lower0, lower3 = lower0;
      while (weight < end) {
        const high = v128.load32_splat(weight), low = v128.load32_splat(weight, 4);
        const two0 = two(from), two1 = two(from + inputStride);
        const two2 = two(from + 2 * inputStride), two3 = two(from + 3 * inputStride);
        upper0 = i32x4.add(upper0, i32x4.dot_i16x8_s(two0, high));
        lower0 = i32x4.add(lower0, i32x4.dot_i16x8_s(two0, low));
        upper1 = i32x4.add(upper1, i32x4.dot_i16x8_s(two1, high));
        lower1 = i32x4.add(lower1, i32x4.dot_i16x8_s(two1, low));
        upper2 = i32x4.add(upper2, i32x4.dot_i16x8_s(two2, high));
        lower2 = i32x4.add(lower2, i32x4.dot_i16x8_s(two2, low));
        upper3 = i32x4.add(upper3, i32x4.dot_i16x8_s(two3, high));
        lower3 = i32x4.add(lower3, i32x4.dot_i16x8_s(two3, low));
        from += 6;
        weight += 8;
      }
      const bytes = i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_s(join(upper0, lower0), join(upper1, lower1)),
        i16x8.narrow_i32x4_s(join(upper2, lower2), join(upper3, lower3)),
      );
      if (x < width - 1) {
        // The fourth byte is overwritten by the next pixel.
        v128.store32_lane(output0, bytes, 0);
        v128.store32_lane(output1, bytes, 1);
        v128.store32_lane(output2, bytes, 2);
        v128.store32_lane(output3, bytes, 3);
      } else {
        v128.store16_lane(output0, bytes, 0);
        v128.store8_lane(output0, bytes, 2, 2);
        v128.store16_lane(output1, bytes, 2);
        v128.store8_lane(output1, bytes, 6, 2);
        v128.store16_lane(output2, bytes, 4);
        v128.store8_lane(output2, bytes, 10, 2);
        v128.store16_lane(output3, bytes, 6);
        v128.store8_lane(output3, bytes, 14, 2);
      }
      output0 += 3;
      output1 += 3;
      output2 += 3;
      output3 += 3;
    }
    input += 4 * inputStride;
    output += 4 * stride;
  }
}

/** The bytes of two pixels as pairs of 16 bits per channel; index −1 gives zero. */
// @ts-ignore: decorator
@inline
function two(from: usize): v128 {
  return i8x16.swizzle(
    v128.load64_zero(from),
    i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1),
  );
}

/** The sum of both halves, without the fractional bits. */
// @ts-ignore: decorator
@inline
function join(upper: v128, lower: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(upper, LOW), lower), BITS);
}
