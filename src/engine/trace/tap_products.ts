/**
 * Convolutions on a CPU as one matrix product per filter tap, for the two cases
 * in which TensorFlow's kernels are much slower than the CPU allows: 1×1 maps,
 * and the filter gradient at stride 2.
 *
 * @module
 */
import {
  attr,
  type GraphBuilder,
  type GraphValue,
  type Sides,
} from "./graph.ts";
import type { ComputeType } from "./kernel.ts";
import { DType } from "./messages.ts";
import { controlDependency } from "./rematerialization.ts";

/**
 * A 3×3 convolution of 1×1 maps with zero padding. Only the filter's centre tap
 * touches the pixel: the gradients of the other taps are zero.
 */
export class PointConvolution {
  #graph: GraphBuilder;
  #dtype: ComputeType;

  /** @param dtype Type of the maps; filters and their gradients are float. */
  constructor(
    graph: GraphBuilder,
    dtype: ComputeType,
  ) {
    this.#graph = graph;
    this.#dtype = dtype;
  }

  #flat(map: GraphValue): GraphValue {
    const [rows, , , channels] = map.shape as Sides;
    const graph = this.#graph;
    return graph.reshape(graph.cast(map, this.#dtype), [rows, channels]);
  }

  #multiply(map: GraphValue, filter: GraphValue, turned: boolean) {
    const graph = this.#graph;
    const [, , input, output] = filter.shape as Sides;
    const size = [1, 1, input, output];
    const centre = graph.slice(filter, [1, 1, 0, 0], size);
    const y = graph.matMul(
      this.#flat(map),
      graph.cast(graph.reshape(centre, [input, output]), this.#dtype),
      { transposeB: turned },
    );
    return graph.reshape(y, [map.shape[0]!, 1, 1, turned ? input : output]);
  }

  /** The convolution of x, `N×1×1×C`, by a `3×3×C×K` filter. */
  forward(x: GraphValue, filter: GraphValue): GraphValue {
    return this.#multiply(x, filter, false);
  }

  /** The gradient with respect to x. */
  inputGradient(dy: GraphValue, filter: GraphValue): GraphValue {
    return this.#multiply(dy, filter, true);
  }

  /** The gradient with respect to the filter. */
  filterGradient(x: GraphValue, dy: GraphValue): GraphValue {
    const graph = this.#graph;
    const centre = graph.cast(
      graph.matMul(this.#flat(x), this.#flat(dy), { transposeA: true }),
      DType.float,
    );
    const shape = [1, 1, ...centre.shape];
    const around = [1, 1, 1, 1, 0, 0, 0, 0];
    return graph.value(
      "Pad",
      [
        graph.reshape(centre, shape),
        graph.constant(DType.int32, [4, 2], around),
      ],
      [3, 3, ...centre.shape],
      { Tpaddings: attr.type(DType.int32) },
    );
  }
}

/**
 * The gradient of a stride-2 convolution without padding with respect to its
 * filter: for each tap, the pixels that the tap touches, times dy.
 *
 * @param x `N×H×W×C` with even sides, in the type of the products.
 * @param dy `N×h×w×K`, in the same type.
 * @param shape Shape of the filter.
 */
export function stridedFilterGradient(
  graph: GraphBuilder,
  { x, dy, shape }: { x: GraphValue; dy: GraphValue; shape: number[] },
): GraphValue {
  const [rows, height, width, output] = dy.shape as Sides;
  const [down, across, input] = shape as Sides;
  const [, xHeight, xWidth] = x.shape as Sides;
  const pixels = rows * height * width;
  const flat = graph.reshape(dy, [pixels, output]);
  // A reshape separates even from odd rows and columns: a strided slice would copy
  // one element at a time and take longer than the product.
  const parted = graph.reshape(
    x,
    [rows, xHeight / 2, 2, xWidth / 2, 2 * input],
  );
  const products: GraphValue[] = [];
  for (let i = 0; i < down; i++) {
    for (let j = 0; j < across; j++) {
      const begin = [0, i >> 1, i & 1, j >> 1, (j & 1) * input];
      const size = [rows, height, 1, width, input];
      // The control dependencies run the slices one after another, and only in the
      // backward pass: each slice is a copy of a part of the map.
      const met = graph.slice(parted, begin, size, [
        controlDependency(products.at(-1) ?? dy),
      ]);
      products.push(graph.matMul(
        graph.reshape(met, [pixels, input]),
        flat,
        { transposeA: true },
      ));
    }
  }
  const stacked = products.length === 1
    ? products[0]!
    : graph.value("Pack", products, [products.length, input, output], {
      N: attr.int(products.length),
      axis: attr.int(0),
    });
  return graph.reshape(stacked, shape);
}
