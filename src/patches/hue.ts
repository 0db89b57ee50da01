/**
 * Hue: torchvision's `adjust_hue`, through Pillow's 8-bit HSV with the same rounding
 * (`rgb2hsv_row` and `hsv2rgb` in Convert.c).
 *
 * @module
 */
import type { Samples } from "../data/image.ts";

const f = Math.fround;

/** A hue shift in units of Pillow's 8-bit hue, of which 255 make a full circle. */
export function hueShift(factor: number): number {
  return Math.trunc(factor * 255);
}

/**
 * Shifts the hue of an RGB patch, in place.
 *
 * @param patch RGB bytes; for 16 bits see {@linkcode adjustHue16}.
 * @param factor In [−0.5, 0.5]: a fraction of the full circle.
 */
export function adjustHue(patch: Samples, factor: number): void {
  if (patch instanceof Uint16Array) return adjustHue16(patch, factor);
  const shift = hueShift(factor);
  for (let i = 0; i < patch.length; i += 3) {
    const r = patch[i]!, g = patch[i + 1]!, b = patch[i + 2]!;
    const max = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const min = r < g ? (r < b ? r : b) : (g < b ? g : b);
    let hue = 0, saturation = 0;
    if (max !== min) {
      const range = max - min;
      saturation = (f(range / max) * 255) | 0;
      const rc = f((max - r) / range);
      const gc = f((max - g) / range);
      const bc = f((max - b) / range);
      let h: number;
      if (r === max) h = f(bc - gc);
      else if (g === max) h = f(2 + rc - bc);
      else h = f(4 + gc - rc);
      h = f((h / 6 + 1) % 1);
      hue = (h * 255) | 0;
    }
    if (saturation === 0) {
      patch[i] = patch[i + 1] = patch[i + 2] = max;
      continue;
    }
    const turned = (hue + shift) & 255;
    const sector = Math.floor(turned * 6 / 255);
    const rest = f(turned * 6 / 255 - sector);
    const fs = f(saturation / 255);
    const p = round(f(max * (1 - fs)));
    const q = round(f(max * (1 - fs * rest)));
    const t = round(f(max * (1 - fs * (1 - rest))));
    switch (sector % 6) {
      case 0:
        patch[i] = max, patch[i + 1] = t, patch[i + 2] = p;
        break;
      case 1:
        patch[i] = q, patch[i + 1] = max, patch[i + 2] = p;
        break;
      case 2:
        patch[i] = p, patch[i + 1] = max, patch[i + 2] = t;
        break;
      case 3:
        patch[i] = p, patch[i + 1] = q, patch[i + 2] = max;
        break;
      case 4:
        patch[i] = t, patch[i + 1] = p, patch[i + 2] = max;
        break;
      default:
        patch[i] = max, patch[i + 1] = p, patch[i + 2] = q;
    }
  }
}

/**
 * The same for 16 bits, which Pillow's HSV does not support: torchvision's `adjust_hue`
 * for tensors, computed with floats in [0, 1].
 */
function adjustHue16(patch: Uint16Array, factor: number): void {
  for (let i = 0; i < patch.length; i += 3) {
    const r = patch[i]! / 65535, g = patch[i + 1]! / 65535;
    const b = patch[i + 2]! / 65535;
    const max = Math.max(r, g, b), range = max - Math.min(r, g, b);
    if (range === 0) continue;
    const sector = max === r
      ? (g - b) / range
      : max === g
      ? 2 + (b - r) / range
      : 4 + (r - g) / range;
    const turned = 6 * (((sector / 6 + factor) % 1 + 1) % 1);
    // `share` is 0 for the greatest channel, 1 for the least, and between for the third.
    for (let c = 0; c < 3; c++) {
      const at = (turned + 5 - 2 * c) % 6;
      const share = Math.max(0, Math.min(at, 4 - at, 1));
      patch[i + c] = Math.trunc((max - range * share) * 65535.999);
    }
  }
}

/** Rounds a nonnegative number, halves up, like C's `round`. */
function round(value: number): number {
  return (value + 0.5) | 0;
}
