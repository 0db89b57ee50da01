// Hue (hue.ts), sixteen pixels at a time. Pillow computes in single precision with some
// steps in double; single precision throughout gives the same bytes for every colour
// and hue shift, as the golden test over all of them shows.
import { blue, floats, green, quarter, red, storePixels, toBytes } from "./pixels";

/** 1/255; multiplying by it rounds differently from dividing, but gives equal bytes. */
const PART: f32 = 1.0 / 255.0;

// @ts-ignore: decorator
@inline
function choose(mask: v128, yes: v128, no: v128): v128 {
  return v128.bitselect(yes, no, mask);
}

/** Four signed bytes as floats. */
// @ts-ignore: decorator
@inline
function signed(bytes: v128, part: i32): v128 {
  const half = part < 2
    ? i16x8.extend_low_i8x16_s(bytes)
    : i16x8.extend_high_i8x16_s(bytes);
  return f32x4.convert_i32x4_s(
    part & 1
      ? i32x4.extend_high_i16x8_s(half)
      : i32x4.extend_low_i16x8_s(half),
  );
}

/** The hue of four pixels, 0 to 255; `base ± middle / range` is in sixths of a circle. */
// @ts-ignore: decorator
@inline
function hue4(base: v128, sign: v128, middle: v128, range: v128, part: i32): v128 {
  const share = f32x4.div(floats(middle, part), floats(range, part));
  const sixths = f32x4.add(
    signed(base, part),
    f32x4.mul(signed(sign, part), share),
  );
  const turn = f32x4.div(sixths, f32x4.splat(6));
  const up = f32x4.add(turn, f32x4.splat(1));
  const positive = choose(f32x4.lt(turn, f32x4.splat(0)), up, turn);
  return i32x4.relaxed_trunc_f32x4_s(f32x4.mul(positive, f32x4.splat(255)));
}

/** max · (1 − part), rounded. */
// @ts-ignore: decorator
@inline
function level(max: v128, part: v128): v128 {
  const value = f32x4.mul(max, f32x4.sub(f32x4.splat(1), part));
  return i32x4.relaxed_trunc_f32x4_s(f32x4.add(value, f32x4.splat(0.5)));
}

/** The saturation of four pixels, in [0, 1]. */
// @ts-ignore: decorator
@inline
function saturation4(max: v128, range: v128, part: i32): v128 {
  const share = f32x4.div(floats(range, part), floats(max, part));
  const byte = i32x4.relaxed_trunc_f32x4_s(f32x4.mul(share, f32x4.splat(255)));
  return f32x4.mul(f32x4.convert_i32x4_s(byte), f32x4.splat(PART));
}

/** The sectors of four hues, 0 to 6: ⌊6 · hue / 255⌋. */
// @ts-ignore: decorator
@inline
function sector4(hue: v128, part: i32): v128 {
  const six = i32x4.mul(quarter(hue, part), i32x4.splat(6));
  return i32x4.shr_u(i32x4.mul(six, i32x4.splat(0x8081)), 23);
}

/** How far four hues are into their sector, in [0, 1). */
// @ts-ignore: decorator
@inline
function rest4(hue: v128, sector: v128, part: i32): v128 {
  const six = i32x4.mul(quarter(hue, part), i32x4.splat(6));
  const rest = i32x4.sub(six, i32x4.mul(sector, i32x4.splat(255)));
  return f32x4.mul(f32x4.convert_i32x4_s(rest), f32x4.splat(PART));
}

/** Shifts the hue of a patch by `shift` 255ths of the circle. */
export function turnHue(patch: usize, bytes: usize, shift: i32): void {
  const one = i8x16.splat(1), minus = i8x16.splat(-1);
  const turnBy = i8x16.splat(<i8> shift);
  for (let at = patch, end = patch + bytes; at < end; at += 48) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32);
    const r = red(a, b, c), g = green(a, b, c), l = blue(a, b, c);
    const max = i8x16.max_u(r, i8x16.max_u(g, l));
    const min = i8x16.min_u(r, i8x16.min_u(g, l));
    const range = i8x16.sub(max, min);
    // The middle channel: the sum minus the greatest and the least.
    const mid = i8x16.sub(i8x16.add(r, i8x16.add(g, l)), i8x16.add(max, min));
    const middle = i8x16.sub(max, mid);

    // The hue in sixths, with m = middle / range. Red is greatest: 1 − m or m − 1;
    // green: 1 + m or 3 − m; blue: 3 + m or 5 − m.
    const isRed = i8x16.eq(r, max), isGreen = i8x16.eq(g, max);
    const lowBlue = i8x16.eq(l, min), lowRed = i8x16.eq(r, min);
    const base = choose(
      isRed,
      choose(lowBlue, one, minus),
      choose(
        isGreen,
        choose(lowBlue, one, i8x16.splat(3)),
        choose(lowRed, i8x16.splat(3), i8x16.splat(5)),
      ),
    );
    const sign = choose(
      isRed,
      choose(lowBlue, minus, one),
      choose(
        isGreen,
        choose(lowBlue, one, minus),
        choose(lowRed, one, minus),
      ),
    );
    const hue = i8x16.add(
      toBytes(
        hue4(base, sign, middle, range, 0),
        hue4(base, sign, middle, range, 1),
        hue4(base, sign, middle, range, 2),
        hue4(base, sign, middle, range, 3),
      ),
      turnBy,
    );

    const s0 = saturation4(max, range, 0), s1 = saturation4(max, range, 1);
    const s2 = saturation4(max, range, 2), s3 = saturation4(max, range, 3);
    const m0 = floats(max, 0), m1 = floats(max, 1);
    const m2 = floats(max, 2), m3 = floats(max, 3);
    const k0 = sector4(hue, 0), k1 = sector4(hue, 1);
    const k2 = sector4(hue, 2), k3 = sector4(hue, 3);
    const r0 = rest4(hue, k0, 0), r1 = rest4(hue, k1, 1);
    const r2 = rest4(hue, k2, 2), r3 = rest4(hue, k3, 3);
    const unit = f32x4.splat(1);
    const p = toBytes(level(m0, s0), level(m1, s1), level(m2, s2), level(m3, s3));
    const q = toBytes(
      level(m0, f32x4.mul(s0, r0)),
      level(m1, f32x4.mul(s1, r1)),
      level(m2, f32x4.mul(s2, r2)),
      level(m3, f32x4.mul(s3, r3)),
    );
    const t = toBytes(
      level(m0, f32x4.mul(s0, f32x4.sub(unit, r0))),
      level(m1, f32x4.mul(s1, f32x4.sub(unit, r1))),
      level(m2, f32x4.mul(s2, f32x4.sub(unit, r2))),
      level(m3, f32x4.mul(s3, f32x4.sub(unit, r3))),
    );
    const sector = toBytes(k0, k1, k2, k3);
    // Sector 6 is sector 0 again.
    const in0 = v128.or(
      i8x16.eq(sector, i8x16.splat(0)),
      i8x16.eq(sector, i8x16.splat(6)),
    );
    const in1 = i8x16.eq(sector, i8x16.splat(1));
    const in2 = i8x16.eq(sector, i8x16.splat(2));
    const in3 = i8x16.eq(sector, i8x16.splat(3));
    const in4 = i8x16.eq(sector, i8x16.splat(4));
    const in5 = i8x16.eq(sector, i8x16.splat(5));
    storePixels(
      at,
      choose(v128.or(in0, in5), max, choose(in1, q, choose(in4, t, p))),
      choose(v128.or(in1, in2), max, choose(in0, t, choose(in3, q, p))),
      choose(v128.or(in3, in4), max, choose(in2, t, choose(in5, q, p))),
    );
  }
}
