/**
 * The model's own kernels, composed of tfjs-core's operations, so that they run on
 * any tfjs backend.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { type KernelInputs, KERNELS } from "../../model/kernels.ts";
import { weightGradient } from "./weight_gradient.ts";

type Inputs = KernelInputs<tf.Tensor>;
// deno-lint-ignore no-explicit-any -- each kernel's attributes, as tfjs has them
type Kernel = (inputs: Inputs, attributes: any) => tf.Tensor[];

const SPATIAL = [0, 1, 2];

function rows(x: tf.Tensor): number {
  return x.size / x.shape[x.shape.length - 1]!;
}

/** The gradient reads the mean and 1 / standard deviation from the outputs. */
const batchNorm: Kernel = ({ x, scale, offset }, { epsilon }) => {
  const n = rows(x);
  const mean = tf.mean(x, SPATIAL);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.square(centred), SPATIAL);
  const inverse = tf.div(1, tf.sqrt(tf.add(variance, epsilon)));
  const y = tf.add(tf.mul(centred, tf.mul(inverse, scale)), offset);
  return [
    y,
    mean,
    tf.mul(variance, n / (n - 1)),
    tf.clone(mean),
    inverse,
    tf.clone(inverse),
  ];
};

const batchNormGrad: Kernel = (inputs) => {
  const { dy, x, scale, reserve1: mean, reserve2: inverse } = inputs;
  const normalised = tf.mul(tf.sub(x, mean), inverse);
  const dOffset = tf.sum(dy, SPATIAL);
  const dScale = tf.sum(tf.mul(dy, normalised), SPATIAL);
  const shared = tf.div(
    tf.add(dOffset, tf.mul(normalised, dScale)),
    rows(x),
  );
  const dx = tf.mul(tf.sub(dy, shared), tf.mul(scale, inverse));
  return [dx, dScale, dOffset];
};

/**
 * Gauss-Jordan elimination without pivoting, which positive definite matrices do
 * not need, as one rank-1 update for each column: with c the k-th column, p its
 * k-th entry and u = c − e_k, A ← A − uuᵀ/p. The values p are the squares of the
 * Cholesky factor's diagonal, and the final matrix is 2I − A⁻¹.
 */
const logDeterminant: Kernel = ({ x }) => {
  const [n, side] = x.shape as [number, number];
  const identity = tf.eye(side);
  let rest = tf.clone(x), value: tf.Tensor = tf.zeros([n]);
  for (let k = 0; k < side; k++) {
    const next = tf.tidy(() => {
      const column = tf.slice(rest, [0, 0, k], [n, side, 1]);
      const pivot = tf.slice(column, [0, k, 0], [n, 1, 1]);
      const unit = tf.reshape(tf.slice(identity, [k, 0], [1, side]), [side, 1]);
      const u = tf.sub(column, unit);
      const update = tf.div(tf.mul(u, tf.transpose(u, [0, 2, 1])), pivot);
      return {
        rest: tf.sub(rest, update),
        value: tf.add(value, tf.log(tf.reshape(pivot, [n]))),
      };
    });
    tf.dispose([rest, value]);
    ({ rest, value } = next);
  }
  return [value, tf.sub(tf.mul(identity, 2), rest)];
};

const COMPOSED: Record<string, Kernel> = {
  [KERNELS.batchNorm]: batchNorm,
  [KERNELS.batchNormGrad]: batchNormGrad,
  [KERNELS.reluGrad]: ({ dy, y }) => [
    tf.mul(dy, tf.cast(tf.greater(y, 0), "float32")),
  ],
  [KERNELS.squaredNorm]: ({ x }) => [tf.sum(tf.square(x))],
  [KERNELS.logDeterminant]: logDeterminant,
  // A kernel of tfjs that its WebAssembly backend lacks.
  Conv2DBackpropFilter: ({ x, dy }, attributes) => [
    weightGradient(x as tf.Tensor4D, dy as tf.Tensor4D, attributes),
  ],
};

/** Registers the kernels that a backend lacks. */
export function registerEagerKernels(backendName: string): void {
  for (const [kernelName, kernel] of Object.entries(COMPOSED)) {
    if (tf.getKernel(kernelName, backendName) !== undefined) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) =>
        tf.tidy(() => {
          // tfjs passes the tensors themselves, typed as `TensorInfo`.
          const outputs = kernel(inputs as unknown as Inputs, attrs);
          return outputs.length === 1 ? outputs[0]! : outputs;
        }),
    });
  }
}
