/**
 * `shapes`: a generated, deterministic, labelled set of 32×32 images, so that
 * a first run needs no download. A class is a texture; the shape that it fills, the
 * colours, position, size, angle, background and noise are random, so that neither
 * colour nor brightness nor outline reveals the class.
 *
 * @module
 */
import { Purpose, RandomStream } from "../common/random.ts";
import type { Dataset, Split } from "./dataset.ts";
import type { Image } from "./image.ts";

const SIDE = 32;
/** Images in each split. */
export const SHAPES_LENGTH: Record<Split, number> = { train: 1500, test: 500 };

/** Whether (x, y), in units of the radius, is inside the shape. */
const SHAPES: ((x: number, y: number) => boolean)[] = [
  (x, y) => x * x + y * y < 1,
  (x, y) => Math.abs(x) < 0.9 && Math.abs(y) < 0.9,
  (x, y) => y < 0.9 && y > 1.9 * Math.abs(x) - 1,
  (x, y) => Math.abs(x) + Math.abs(y) < 1.1,
];

const wave = (x: number) => 0.5 + 0.5 * Math.sin(x);
const step = (x: number) => x > 0.5 ? 1 : 0;
const odd = (x: number) => Math.abs(Math.floor(x)) % 2;

/** A brightness in [0, 1] for each point; one period is 2π, about 6 pixels. */
const TEXTURES: Record<string, (x: number, y: number) => number> = {
  stripes: (x) => step(wave(x)),
  bands: (x) => wave(x / 2),
  checks: (x, y) => odd(x / 3) ^ odd(y / 3),
  tiles: (x, y) => Math.max(step(wave(x) - 0.4), step(wave(y) - 0.4)),
  dots: (x, y) => wave(x) + wave(y) > 1.5 ? 1 : 0,
  zigzag: (x, y) => step(wave(x + 2.2 * Math.abs((y / 4) % 2 - 1))),
  waves: (x, y) => step(wave(x + 1.6 * Math.sin(y / 1.5))),
  rings: (x, y) => step(wave(1.3 * Math.hypot(x, y))),
  bricks: (x, y) => odd(y / 2.4) === step(wave(x * 0.8)) ? 0.9 : 0.1,
  plain: () => 0.5,
};

/** The names of the classes: the textures. */
export const SHAPES_CLASSES: readonly string[] = Object.keys(TEXTURES);

function colour(random: RandomStream): number[] {
  return [random.uniform(), random.uniform(), random.uniform()];
}

/** Two colours far enough apart for a visible pattern. */
function colourPair(random: RandomStream): [number[], number[]] {
  const first = colour(random);
  for (;;) {
    const second = colour(random);
    const distance = Math.hypot(...first.map((c, i) => c - second[i]!));
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
    const pattern = TEXTURES[this.classes[this.label(index)]!]!;
    const inside = SHAPES[random.below(SHAPES.length)]!;
    const [light, dark] = colourPair(random);
    const [back1, back2] = colourPair(random);
    const radius = random.uniform(12, 17);
    const scale = random.uniform(0.85, 1.25);
    const cx = SIDE / 2 + random.uniform(-3, 3);
    const cy = SIDE / 2 + random.uniform(-3, 3);
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
          ? pattern(scale * x, scale * y)
          : 0.5 + dx * slopeX + dy * slopeY;
        const [from, to] = inside(x / radius, y / radius)
          ? [dark, light]
          : [back1, back2];
        for (let c = 0; c < 3; c++) {
          const clean = from[c]! + (to[c]! - from[c]!) * mix;
          const noisy = clean + random.uniform(-0.12, 0.12);
          data[o + c] = Math.max(0, Math.min(255, Math.round(255 * noisy)));
        }
      }
    }
    return { width: SIDE, height: SIDE, data };
  }
}

/** Opens the generated set; nothing is read from disk. */
export function openShapes({ split }: { split: Split }): Dataset {
  return new ShapesDataset(split);
}
