/**
 * 3×3 convolutions with a half or a quarter of the multiplications: Winograd's
 * minimal filtering, after Lavin and Gray, «Fast Algorithms for Convolutional
 * Neural Networks» (arXiv 1509.09308).
 *
 * A map is cut into tiles of m×m outputs, each computed from (m+2)×(m+2)
 * inputs d. With that paper's matrices
 *
 *     Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A
 *
 * and the sum over input channels turns the product ⊙ into a matrix product for
 * each of the (m+2)² places of a tile. Here the matrices of all tiles along a side
 * are joined into one matrix for the whole side, which includes the zero padding,
 * so that every transform is two matrix products, one along each spatial axis.
 *
 * @module
 */
import { sizeOf } from "../../model/tensors.ts";
import { type GraphValue, nodeOf, type Sides } from "./graph.ts";
import type { ComputeType } from "./kernel.ts";
import { DType } from "./messages.ts";
import { prepared, type WithGraph } from "./prepared_weights.ts";

type Matrix = number[][];

/** The matrices of F(m×m, 3×3): sections 4.1 and 4.3 of the paper. */
interface Algorithm {
  /** Bᵀ, which transforms the inputs. */
  input: Matrix;
  /** G, which transforms the filter. */
  filter: Matrix;
  /** Aᵀ, which transforms the products into outputs. */
  output: Matrix;
}

const ALGORITHMS: Record<2 | 4, Algorithm> = {
  2: {
    input: [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    filter: [[1, 0, 0], [.5, .5, .5], [.5, -.5, .5], [0, 0, 1]],
    output: [[1, 1, 1, 0], [0, 1, -1, -1]],
  },
  4: {
    input: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    filter: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

function transposed(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
}

/**
 * Repeats a tile's matrix for each tile along a side: `(m+2)·tiles × side`.
 *
 * @param matrix The matrix of one tile, `(m+2) × width`.
 * @param from Where the first tile's columns begin: −1 with zero padding.
 */
function alongSide(matrix: Matrix, m: number, side: number, from: number) {
  return matrix.flatMap((row) =>
    Array.from(
      { length: Math.ceil(side / m) },
      (_, tile) =>
        Array.from(
          { length: side },
          (_, place) => row[place - tile * m - from] ?? 0,
        ),
    )
  );
}

/** Winograd convolutions for one tile size and one map size. */
export class Winograd {
  #backend: WithGraph;
  #dtype: ComputeType;
  #tiles: number;
  #place: number;
  #filter: Matrix;
  #input: Matrix;
  #output: Matrix;

  /**
   * @param backend Its graph is appended to.
   * @param m Outputs along a side of a tile: 2, or 4, which needs half the
   * multiplications and has larger rounding errors.
   * @param side Side of the map.
   * @param dtype Type of the maps; filters and their gradients are float.
   */
  constructor(
    backend: WithGraph,
    m: 2 | 4,
    side: number,
    dtype: ComputeType,
  ) {
    const { input, filter, output } = ALGORITHMS[m];
    this.#backend = backend;
    this.#dtype = dtype;
    this.#tiles = Math.ceil(side / m);
    this.#place = m + 2;
    this.#filter = filter;
    this.#input = alongSide(input, m, side, -1);
    this.#output = alongSide(transposed(output), m, side, 0);
  }

  /** matrix · x · matrixᵀ over the first two axes of `q×q×…`: `p×p×…`. */
  #transform(matrix: Matrix, x: GraphValue): GraphValue {
    const graph = this.#backend.graph;
    const p = matrix.length, q = matrix[0]!.length, rest = x.shape.slice(2);
    const size = sizeOf(rest);
    const factor = graph.cast(
      graph.constant(DType.float, [p, q], matrix.flat()),
      x.dtype,
    );
    const down = graph.matMul(factor, graph.reshape(x, [q, q * size]));
    const across = graph.matMul(factor, graph.reshape(down, [p, q, size]));
    return graph.reshape(across, [p, p, ...rest]);
  }

  /**
   * Splits both spatial axes into places and tiles. The tiles of the second axis
   * are merged with the images: both are rows of the matrix products.
   */
  #places(x: GraphValue): GraphValue {
    const [, , images, channels] = x.shape as Sides;
    const [places, tiles] = [this.#place, this.#tiles];
    return this.#backend.graph.reshape(
      x,
      [places, tiles, places, tiles * images, channels],
    );
  }

  /** Bᵀ d B or A y Aᵀ of every tile: `places×tiles×places×(tiles·N)×C`. */
  #tilesOf(
    matrix: Matrix,
    map: GraphValue,
    dependencies?: string[],
  ): GraphValue {
    const graph = this.#backend.graph, x = graph.cast(map, this.#dtype);
    const first = graph.transpose(x, [1, 2, 0, 3], dependencies);
    return this.#places(this.#transform(matrix, first));
  }

  #convolve(x: GraphValue, filter: GraphValue, turned: boolean): GraphValue {
    const graph = this.#backend.graph;
    // The rotation of the filter is one of G's columns.
    const matrix = turned
      ? this.#filter.map((row) => row.toReversed())
      : this.#filter;
    const factors = prepared(
      this.#backend,
      graph.cast(this.#transform(matrix, filter), this.#dtype),
    );
    const [places, , input, output] = factors.shape as Sides;
    const product = graph.matMul(
      this.#tilesOf(this.#input, x),
      graph.reshape(factors, [places, 1, places, input, output]),
      { transposeB: turned },
    );
    const all = this.#place * this.#tiles;
    const y = this.#transform(
      transposed(this.#output),
      graph.reshape(product, [all, all, x.shape[0]!, turned ? input : output]),
    );
    return graph.transpose(y, [2, 0, 1, 3]);
  }

  /** The convolution with zero padding of x, `N×H×H×C`, by a `3×3×C×K` filter. */
  forward(x: GraphValue, filter: GraphValue): GraphValue {
    return this.#convolve(x, filter, false);
  }

  /** The gradient with respect to x: dy convolved with the rotated filter. */
  inputGradient(dy: GraphValue, filter: GraphValue): GraphValue {
    return this.#convolve(dy, filter, true);
  }

  /** The gradient with respect to the filter: Gᵀ [ Σ (Bᵀ d B) ⊙ (A dy Aᵀ) ] G. */
  filterGradient(x: GraphValue, dy: GraphValue): GraphValue {
    const graph = this.#backend.graph;
    // The tiles of x are recomputed: otherwise TensorFlow would hold those of the
    // forward pass in memory, 2.25 times the map (4 times for m = 2).
    const byTile = graph.matMul(
      this.#tilesOf(this.#input, x, [nodeOf(dy)]),
      this.#tilesOf(this.#output, dy),
      { transposeA: true },
    );
    const sum = graph.sum(graph.cast(byTile, DType.float), [1]);
    return this.#transform(transposed(this.#filter), sum);
  }
}

/** The three computations of a convolution. */
export type Pass = "forward" | "inputGradient" | "filterGradient";

/** From this many tiles on, Winograd is faster: a few images of a small map have fewer. */
const LEAST_TILES = 10;

/**
 * The tile size with which Winograd is faster on a CPU than a direct convolution;
 * undefined if none is.
 *
 * In single precision m = 4 differs from a direct convolution by 5·10⁻⁶ of the
 * result. In bfloat16 the difference would be 4 % for m = 4; for m = 2 it is 0.7 %.
 * The bounds are where `deno task bench:winograd` measured a gain: many channels
 * and maps that tiles cover without waste, so that the transforms cost little
 * compared with the products; and the filter gradient on small maps, for which
 * TensorFlow's kernel is slow.
 *
 * @param shape How many images, side of their maps, and the smaller of their input and
 * output channels.
 */
export function winogradTile(
  dtype: number,
  pass: Pass,
  { images, side, channels }: {
    images: number;
    side: number;
    channels: number;
  },
): 2 | 4 | undefined {
  const m = dtype === DType.float ? 4 : 2;
  // For fewer tiles, reading the transformed filter, 1.8 or 4 times as large as the
  // filter, takes longer than the products.
  if (images * Math.ceil(side / m) ** 2 < LEAST_TILES) return undefined;
  if (m === 4) return side <= 28 && channels >= 128 ? 4 : undefined;
  const isFaster = pass === "filterGradient"
    ? side <= 16 && channels >= 256 || side <= 8 && channels >= 128
    : side % 2 === 0 && side <= 16 && channels >= 512;
  return isFaster ? 2 : undefined;
}
