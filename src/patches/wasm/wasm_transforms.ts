/**
 * The transforms in WebAssembly with SIMD. `deno task build` compiles `kernels.wasm`
 * from `assembly/`; this module manages the memory that the kernels work on.
 *
 * @module
 */
import type { Image } from "../../data/image.ts";
import { boxBlurs } from "../blur.ts";
import { contrastMean } from "../contrast.ts";
import type { CropBox } from "../crop.ts";
import { hueShift } from "../hue.ts";
import {
  type Coefficients,
  coefficients,
  columnsFirst,
  type Interpolation,
} from "../resize.ts";
import type { PatchTransforms } from "../transforms.ts";
import * as kernels from "./kernels.wasm";

const PAGE = 65536;
/** Addresses of the resize weights and of the image. */
const TABLES = 4096, IMAGE = TABLES + 4 * 1024 * 1024;
/** Bytes of scratch after each buffer: kernels write whole vectors. */
const SLACK = 128;

function align(at: number): number {
  return Math.ceil(at / 64) * 64;
}

/** Addresses of a resize's weights in WebAssembly's memory. */
interface Table {
  start: number;
  /** Vertical pass: the number of inputs of each output, and `size` weights for each. */
  count: number;
  weights: number;
  size: number;
  /** Horizontal pass: pairs of inputs of each output; `⌈size / 2⌉` pairs of weights. */
  pairs: number;
  halves: number;
}

/** See `transforms.ts`. All instances of a thread share one memory: use one at a time. */
export class WasmTransforms implements PatchTransforms {
  #bytes = new Uint8Array(kernels.memory.buffer);
  #image: Image = { width: 0, height: 0, data: new Uint8Array() };
  #size = 0;
  #length = 0;
  #patch = 0;
  #other = 0;
  #scratch = 0;

  /** Grows the memory so that it reaches up to an address. */
  #reserve(end: number): void {
    const { memory } = kernels;
    const missing = end + SLACK - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    if (this.#bytes.buffer !== memory.buffer) {
      this.#bytes = new Uint8Array(memory.buffer);
    }
  }

  /** See {@linkcode PatchTransforms.load}. */
  load(image: Image): void {
    this.#image = image;
    this.#reserve(IMAGE + image.data.length);
    this.#bytes.set(image.data, IMAGE);
    this.#size = 0;
  }

  /** Places the buffers of a patch after the image. */
  #layOut(size: number): void {
    if (size === this.#size) return;
    const { width, height, data } = this.#image;
    this.#size = size;
    this.#length = size * size * 3;
    this.#patch = align(IMAGE + data.length + SLACK);
    this.#other = align(this.#patch + this.#length + SLACK);
    this.#scratch = align(this.#other + this.#length + SLACK);
    // The horizontal pass writes up to three rows more than requested.
    const scratch = (Math.max(width, height) + 4) * size * 3;
    this.#reserve(this.#scratch + scratch + 4 * width * 3);
  }

  /** See {@linkcode PatchTransforms.cropAndResize}. */
  cropAndResize(
    { left, top, width, height }: CropBox,
    { size, interpolation }: { size: number; interpolation: Interpolation },
  ): void {
    this.#layOut(size);
    const stride = this.#image.width * 3;
    const crop = IMAGE + top * stride + left * 3;
    const patch = this.#patch, scratch = this.#scratch;
    const wide = width === size, high = height === size;
    const across = (from: number, step: number, to: number, rows: number) => {
      const table = tableOf(this.#bytes, width, size, interpolation);
      const { start, pairs, halves } = table;
      kernels.resizeRows(
        ...[from, step, to, size, rows] as const,
        ...[start, pairs, halves, (table.size + 1) >> 1] as const,
      );
    };
    const down = (from: number, step: number, to: number, row: number) => {
      const table = tableOf(this.#bytes, height, size, interpolation);
      const { start, count, weights } = table;
      kernels.resizeColumns(
        ...[from, step, to, row, size] as const,
        ...[start, count, weights, table.size] as const,
      );
    };
    if (wide && high) {
      for (let y = 0; y < size; y++) {
        const from = crop + y * stride;
        this.#bytes.copyWithin(patch + y * size * 3, from, from + size * 3);
      }
    } else if (high) {
      across(crop, stride, patch, size);
    } else if (wide) {
      down(crop, stride, patch, size * 3);
    } else if (columnsFirst({ width, height }, size)) {
      down(crop, stride, scratch, width * 3);
      across(scratch, width * 3, patch, size);
    } else {
      across(crop, stride, scratch, height);
      down(scratch, size * 3, patch, size * 3);
    }
  }

  /** See {@linkcode PatchTransforms.flip}. */
  flip(): void {
    kernels.flip(this.#patch, this.#size);
  }
  /** See {@linkcode PatchTransforms.adjustBrightness}. */
  adjustBrightness(factor: number): void {
    kernels.blendWith(this.#patch, this.#length, 0, factor);
  }
  /** See {@linkcode PatchTransforms.adjustContrast}. */
  adjustContrast(factor: number): void {
    const sum = kernels.sumOfLuma(this.#patch, this.#length);
    const mean = contrastMean(sum, this.#length / 3);
    kernels.blendWith(this.#patch, this.#length, mean, factor);
  }
  /** See {@linkcode PatchTransforms.adjustSaturation}. */
  adjustSaturation(factor: number): void {
    kernels.saturate(this.#patch, this.#length, factor);
  }
  /** See {@linkcode PatchTransforms.adjustHue}. */
  adjustHue(factor: number): void {
    kernels.turnHue(this.#patch, this.#length, hueShift(factor));
  }
  /** See {@linkcode PatchTransforms.grayscale}. */
  grayscale(): void {
    kernels.grayscale(this.#patch, this.#length);
  }
  /** See {@linkcode PatchTransforms.gaussianBlur}. */
  gaussianBlur(sigma: number): void {
    const box = boxBlurs(sigma);
    if (box === undefined) return;
    const size = this.#size, stride = size * 3;
    // Each direction is blurred along columns, which SIMD can do: hence the transpose.
    for (let direction = 0; direction < 2; direction++) {
      kernels.transpose(this.#patch, this.#other, size);
      for (let pass = 0; pass < box.passes; pass++) {
        const from = pass % 2 === 0 ? this.#other : this.#patch;
        const to = pass % 2 === 0 ? this.#patch : this.#other;
        kernels.blurColumns(
          ...[from, to, stride, size] as const,
          ...[box.radius, box.centre, box.edge] as const,
        );
      }
    }
  }
  /** See {@linkcode PatchTransforms.solarize}. */
  solarize(): void {
    kernels.solarize(this.#patch, this.#length);
  }
  /** See {@linkcode PatchTransforms.patch}. */
  get patch(): Uint8Array {
    return this.#bytes.subarray(this.#patch, this.#patch + this.#length);
  }
}

const tables = new Map<Coefficients, Table>();
let tablesEnd = TABLES;

/** Bits of a weight's lower half: see `resizeRows` in assembly/resize.ts. */
const LOW = 12;

/**
 * Weights for pairs of inputs, each split into two halves that fit into 16 bits: both
 * upper halves in one word, both lower halves in the next.
 */
function halvesOf({ start, size, count, weights }: Coefficients): {
  pairs: Int32Array;
  halves: Int32Array;
} {
  const outputs = start.length, width = (size + 1) >> 1;
  const pairs = count.map((n) => (n + 1) >> 1);
  const halves = new Int32Array(outputs * width * 2);
  const both = (a: number, b: number) => (a & 0xffff) | (b << 16);
  for (let out = 0; out < outputs; out++) {
    for (let pair = 0; pair < pairs[out]!; pair++) {
      const at = out * size + 2 * pair;
      const first = weights[at]!;
      // With an odd number of inputs the last pair has only one.
      const second = 2 * pair + 1 < count[out]! ? weights[at + 1]! : 0;
      const low = 2 ** LOW - 1;
      const to = (out * width + pair) * 2;
      halves[to] = both(first >> LOW, second >> LOW);
      halves[to + 1] = both(first & low, second & low);
    }
  }
  return { pairs, halves };
}

/** The weights of a resize, copied to WebAssembly's memory on first use. */
function tableOf(
  bytes: Uint8Array,
  inputSize: number,
  outputSize: number,
  interpolation: Interpolation,
): Table {
  const found = coefficients(inputSize, outputSize, interpolation);
  const known = tables.get(found);
  if (known !== undefined) return known;
  const { start, count, weights, size } = found;
  const { pairs, halves } = halvesOf(found);
  const arrays = [start, count, weights, pairs, halves];
  const needed = arrays.reduce((sum, array) => sum + array.byteLength, 0);
  if (tablesEnd + needed > IMAGE) {
    tables.clear();
    tablesEnd = TABLES;
  }
  const put = (values: Int32Array) => {
    const at = tablesEnd;
    new Int32Array(bytes.buffer, at, values.length).set(values);
    tablesEnd += values.byteLength;
    return at;
  };
  const table = {
    start: put(start),
    count: put(count),
    weights: put(weights),
    size,
    pairs: put(pairs),
    halves: put(halves),
  };
  tables.set(found, table);
  return table;
}
