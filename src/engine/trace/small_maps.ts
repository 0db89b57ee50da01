/**
 * Convolutions of maps of 1×1 and 2×2 pixels on a CPU, as one matrix product over all
 * pixels of a map, which TensorFlow's kernels are much slower at.
 *
 * @module
 */
import type { GraphValue, Sides } from "./graph.ts";
import type { ComputeType } from "./kernel.ts";
import { DType } from "./messages.ts";
import { prepared, type WithGraph } from "./prepared_weights.ts";

/**
 * A 3×3 convolution with zero padding of maps so small that each output pixel depends on
 * each input pixel: an image's map is one row of s²·C numbers, and the filter one matrix
 * of `s²·C × s²·K`, whose block for an input and an output pixel is the tap between them.
 * For 2×2 maps these are as many products as Winograd's, without its transforms and
 * rounding; for 1×1 maps only the centre tap is left.
 */
export class SmallMapConvolution {
  #backend: WithGraph;
  #dtype: ComputeType;
  #side: number;
  /** For each pair of an input and an output pixel, the tap: 0 to 8. */
  #taps: number[];

  /**
   * @param side Side of the maps: 1 or 2.
   * @param dtype Type of the maps; filters and their gradients are float.
   */
  constructor(backend: WithGraph, side: 1 | 2, dtype: ComputeType) {
    this.#backend = backend;
    this.#dtype = dtype;
    this.#side = side;
    const pixels = Array.from(
      { length: side ** 2 },
      (_, i) => [Math.floor(i / side), i % side] as const,
    );
    this.#taps = pixels.flatMap(([row, column]) =>
      pixels.map(([toRow, toColumn]) =>
        3 * (row - toRow + 1) + column - toColumn + 1
      )
    );
  }

  /** Each image's map as a row. */
  #rows(map: GraphValue): GraphValue {
    const [images, , , channels] = map.shape as Sides;
    const graph = this.#backend.graph;
    return graph.reshape(graph.cast(map, this.#dtype), [
      images,
      this.#side ** 2 * channels,
    ]);
  }

  /** The filter as a matrix. */
  #matrix(filter: GraphValue): GraphValue {
    const [, , input, output] = filter.shape as Sides;
    const graph = this.#backend.graph, pixels = this.#side ** 2;
    const byTap = graph.reshape(graph.cast(filter, this.#dtype), [
      9,
      input * output,
    ]);
    const blocks = graph.gather(byTap, this.#taps);
    const inOrder = graph.transpose(
      graph.reshape(blocks, [pixels, pixels, input, output]),
      [0, 2, 1, 3],
    );
    const shape = [pixels * input, pixels * output];
    return prepared(this.#backend, graph.reshape(inOrder, shape));
  }

  #multiply(map: GraphValue, filter: GraphValue, turned: boolean): GraphValue {
    const [images] = map.shape as Sides;
    const [, , input, output] = filter.shape as Sides;
    const graph = this.#backend.graph;
    const y = graph.matMul(this.#rows(map), this.#matrix(filter), {
      transposeB: turned,
    });
    const side = this.#side;
    return graph.reshape(y, [
      images,
      side,
      side,
      turned ? input : output,
    ]);
  }

  /** The convolution of x, `N×s×s×C`, by a `3×3×C×K` filter. */
  forward(x: GraphValue, filter: GraphValue): GraphValue {
    return this.#multiply(x, filter, false);
  }

  /** The gradient with respect to x. */
  inputGradient(dy: GraphValue, filter: GraphValue): GraphValue {
    return this.#multiply(dy, filter, true);
  }

  /** The gradient with respect to the filter: of each tap, the sum over its pairs. */
  filterGradient(x: GraphValue, dy: GraphValue): GraphValue {
    const graph = this.#backend.graph, pixels = this.#side ** 2;
    const input = x.shape[3]!, output = dy.shape[3]!;
    const all = graph.matMul(this.#rows(x), this.#rows(dy), {
      transposeA: true,
    });
    const blocks = graph.transpose(
      graph.reshape(all, [pixels, input, pixels, output]),
      [0, 2, 1, 3],
    );
    const byPair = graph.reshape(blocks, [pixels ** 2, input * output]);
    const ofTap = Array.from(
      { length: 9 },
      (_, tap) => this.#taps.map((of) => Number(of === tap)),
    );
    const sums = graph.matMul(
      graph.constant(DType.float, [9, pixels ** 2], ofTap.flat()),
      graph.cast(byPair, DType.float),
    );
    return graph.reshape(sums, [3, 3, input, output]);
  }
}
