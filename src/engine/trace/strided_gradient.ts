/**
 * The filter gradient of a convolution at stride 2 on a CPU, as one matrix product per
 * filter tap: TensorFlow's kernel is much slower than the CPU allows.
 *
 * @module
 */
import {
  attr,
  type GraphBuilder,
  type GraphValue,
  nodeOf,
  type Sides,
} from "./graph.ts";

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
        nodeOf(products.at(-1) ?? dy),
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
