/**
 * The model's own kernels on the TensorFlow backend: one fused operation each.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { Binding, NodeBackend, OpAttribute } from "../../deps/tfjs_node.ts";
import { KERNELS } from "../../model/kernels.ts";

type Inputs = Record<string, tf.TensorInfo>;

/** Attributes by their C types. */
function attributes(binding: Binding) {
  return {
    float: (name: string): OpAttribute => ({
      name,
      type: binding.TF_ATTR_TYPE,
      value: binding.TF_FLOAT,
    }),
    number: (name: string, value: number): OpAttribute => ({
      name,
      type: binding.TF_ATTR_FLOAT,
      value,
    }),
    flag: (name: string, value: boolean): OpAttribute => ({
      name,
      type: binding.TF_ATTR_BOOL,
      value,
    }),
    text: (name: string, value: string): OpAttribute => ({
      name,
      type: binding.TF_ATTR_STRING,
      value,
    }),
  };
}

/** Registers them for the backend. */
export function registerTensorFlowKernels(backend: NodeBackend): void {
  const attribute = attributes(backend.binding);
  const register = (
    kernelName: string,
    run: (inputs: Inputs, epsilon: number) => tf.Tensor | tf.Tensor[],
  ) =>
    tf.registerKernel({
      kernelName,
      backendName: "tensorflow",
      kernelFunc: ({ inputs, attrs }) =>
        run(inputs as Inputs, attrs?.epsilon as unknown as number),
    });
  const batchNorm = (epsilon: number) => [
    attribute.float("T"),
    attribute.float("U"),
    attribute.number("epsilon", epsilon),
    attribute.text("data_format", "NHWC"),
    attribute.flag("is_training", true),
  ];
  register(KERNELS.batchNorm, ({ x, scale, offset }, epsilon) => {
    const none = tf.tensor([], [0], "float32");
    const inputs = [x, scale, offset, none, none];
    return backend.executeMultipleOutputs(
      "FusedBatchNormV3",
      [
        ...batchNorm(epsilon),
        attribute.number("exponential_avg_factor", 1),
      ],
      inputs,
      6,
    );
  });
  register(
    KERNELS.batchNormGrad,
    ({ dy, x, scale, reserve1, reserve2, reserve3 }, epsilon) =>
      backend.executeMultipleOutputs(
        "FusedBatchNormGradV3",
        batchNorm(epsilon),
        [dy, x, scale, reserve1, reserve2, reserve3],
        5,
      ).slice(0, 3),
  );
  register(
    KERNELS.reluGrad,
    ({ dy, y }) =>
      backend.executeSingleOutput("ReluGrad", [attribute.float("T")], [dy, y]),
  );
  register(KERNELS.logDeterminant, ({ x }) => {
    const T = attribute.float("T");
    const factor = backend.executeSingleOutput("Cholesky", [T], [x]);
    const diagonal = backend.executeSingleOutput(
      "MatrixDiagPart",
      [T],
      [factor],
    );
    const value = tf.mul(tf.sum(tf.log(diagonal), -1), 2);
    const inverse = backend.executeSingleOutput(
      "MatrixInverse",
      [T, attribute.flag("adjoint", false)],
      [x],
    );
    return [value, inverse];
  });
}
