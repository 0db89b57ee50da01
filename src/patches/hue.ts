/**
 * Hue: torchvision's `adjust_hue`, by way of Pillow's 8-bit HSV with all its
 * roundings (`rgb2hsv_row` and `hsv2rgb` of Convert.c).
 *
 * @module
 */

const f = Math.fround;

/** A turn as Pillow's hues count it: 255 to the circle. */
export function hueShift(factor: number): number {
  return Math.trunc(factor * 255);
}

/**
 * Turns the hue of an RGB patch, in place.
 *
 * @param patch RGB bytes.
 * @param factor In [−0.5, 0.5]: a share of the whole circle.
 */
export function adjustHue(patch: Uint8Array, factor: number): void {
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

/** Rounds a number that is not negative, halves up, as C's `round`. */
function round(value: number): number {
  return (value + 0.5) | 0;
}
