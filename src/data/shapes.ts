/**
 * `shapes`: a generated, deterministic, labelled set of 32×32 images, so that
 * the first run needs nothing from anywhere. A class is a shape filled with a
 * texture; colour, place, size, angle, background and noise vary within it, so
 * that neither colour nor brightness gives the class away.
 *
 * @module
 */
import { Purpose, RandomStream } from "../random.ts";
import type { Dataset, Split } from "./dataset.ts";
import type { Image } from "./image.ts";

const SIDE = 32;
/** Images in each split. */
export const SHAPES_LENGTH: Record<Split, number> = { train: 2000, test: 500 };

/** Signed distance-like tests: is (x, y), in shape space, inside? */
const SHAPES: Record<string, (x: number, y: number) => boolean> = {
  disc: (x, y) => x * x + y * y < 1,
  square: (x, y) => Math.abs(x) < 0.85 && Math.abs(y) < 0.85,
  triangle: (x, y) => y < 0.8 && y > 2 * Math.abs(x) - 1,
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.72) < 0.28,
  cross: (x, y) =>
    (Math.abs(x) < 0.3 && Math.abs(y) < 1) ||
    (Math.abs(y) < 0.3 && Math.abs(x) < 1),
};

/** A brightness in [0, 1] for each point. */
const TEXTURES: Record<string, (x: number, y: number) => number> = {
  stripes: (x) => Math.sin(1.9 * x) > 0 ? 1 : 0,
  checks: (x, y) => Math.sin(1.6 * x) * Math.sin(1.6 * y) > 0 ? 1 : 0,
};

/** The names of the classes: each shape with each texture. */
export const SHAPES_CLASSES: readonly string[] = Object.keys(SHAPES).flatMap(
  (shape) => Object.keys(TEXTURES).map((texture) => `${texture}-${shape}`),
);

function colour(random: RandomStream): number[] {
  return [random.uniform(), random.uniform(), random.uniform()];
}

/** Two colours far enough apart that the pattern between them is seen. */
function colourPair(random: RandomStream): [number[], number[]] {
  const first = colour(random);
  for (;;) {
    const second = colour(random);
    const distance = Math.hypot(...first.map((c, i) => c - second[i]));
    if (distance > 0.6) return [first, second];
  }
}

class ShapesDataset implements Dataset {
  readonly name = "shapes";
  readonly length: number;
  readonly classes = SHAPES_CLASSES;
  #split: Split;

  constructor(split: Split) {
    this.#split = split;
    this.length = SHAPES_LENGTH[split];
  }

  label(index: number): number {
    return index % this.classes.length;
  }

  describe(index: number): string {
    return `shapes/${this.#split}/${index}`;
  }

  image(index: number): Image {
    const random = new RandomStream({
      seed: 0,
      purpose: Purpose.shapes,
      at: [this.#split === "train" ? 0 : 1, index],
    });
    const [texture, shape] = this.classes[this.label(index)].split("-");
    const inside = SHAPES[shape];
    const pattern = TEXTURES[texture];
    const [light, dark] = colourPair(random);
    const [back1, back2] = colourPair(random);
    const radius = random.uniform(9, 14);
    const cx = SIDE / 2 + random.uniform(-4, 4);
    const cy = SIDE / 2 + random.uniform(-4, 4);
    const angle = random.uniform(0, 2 * Math.PI);
    const cos = Math.cos(angle), sin = Math.sin(angle);
    const slope = random.uniform(0, 2 * Math.PI);
    const slopeX = Math.cos(slope) / SIDE, slopeY = Math.sin(slope) / SIDE;
    const data = new Uint8Array(SIDE * SIDE * 3);
    for (let py = 0, o = 0; py < SIDE; py++) {
      for (let px = 0; px < SIDE; px++, o += 3) {
        const dx = px + 0.5 - cx, dy = py + 0.5 - cy;
        const x = cos * dx + sin * dy, y = cos * dy - sin * dx;
        const mix = inside(x / radius, y / radius)
          ? pattern(x, y)
          : 0.5 + dx * slopeX + dy * slopeY;
        const [from, to] = inside(x / radius, y / radius)
          ? [dark, light]
          : [back1, back2];
        for (let c = 0; c < 3; c++) {
          const clean = from[c] + (to[c] - from[c]) * mix;
          const noisy = clean + random.uniform(-0.12, 0.12);
          data[o + c] = Math.max(0, Math.min(255, Math.round(255 * noisy)));
        }
      }
    }
    return { width: SIDE, height: SIDE, data };
  }
}

/** Opens the generated set; nothing is read from anywhere. */
export function openShapes({ split }: { split: Split }): Dataset {
  return new ShapesDataset(split);
}
