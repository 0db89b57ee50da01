/**
 * The weight gradient of a convolution, for backends that lack it.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";

/** The attributes of tfjs's `Conv2DBackpropFilter`. */
export interface WeightGradientOptions {
  /** One stride, or the vertical and the horizontal one. */
  strides: number | [number, number];
  /** `same` or `valid`. */
  pad: "same" | "valid";
  /** `height × width × in × out`. */
  filterShape: [number, number, number, number];
}

/**
 * One matrix product for each tap of the filter: the pixels that the tap touches,
 * transposed, times the gradient with respect to the output.
 *
 * @param x `N×H×W×in`.
 * @param dy `N×H'×W'×out`.
 * @returns `height × width × in × out`.
 */
export function weightGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  { strides, pad, filterShape }: WeightGradientOptions,
): tf.Tensor {
  const info = tf.backend_util.computeConv2DInfo(
    x.shape,
    filterShape,
    strides,
    1,
    pad,
  );
  const { top, bottom, left, right } = info.padInfo;
  const [height, width, input, output] = filterShape;
  const { outHeight, outWidth, strideHeight, strideWidth, batchSize } = info;
  const padded = tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]]);
  const gradient = tf.reshape(dy, [-1, output]) as tf.Tensor2D;
  const taps: tf.Tensor[] = [];
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      taps.push(tf.tidy(() => {
        const seen = tf.stridedSlice(padded, [0, i, j, 0], [
          batchSize,
          i + (outHeight - 1) * strideHeight + 1,
          j + (outWidth - 1) * strideWidth + 1,
          input,
        ], [1, strideHeight, strideWidth, 1]);
        const pixels = tf.transpose(tf.reshape(seen, [-1, input]));
        return tf.matMul(pixels as tf.Tensor2D, gradient);
      }));
    }
  }
  return tf.reshape(tf.stack(taps), filterShape);
}
