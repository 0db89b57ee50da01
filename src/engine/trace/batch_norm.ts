/**
 * The kernels of the tracing backend for batch norms.
 *
 * @module
 */
import { type KernelInputs, KERNELS } from "../../model/kernels.ts";
import { sizeOf } from "../../model/tensors.ts";
import { after, attr, type GraphValue } from "./graph.ts";
import type { TraceBackend } from "./backend.ts";
import type { Kernel } from "./kernel.ts";
import { DType } from "./messages.ts";

const { float } = DType;

/** The kernels, which append to the graph of `backend`. */
export function batchNormKernels(
  backend: TraceBackend,
): Record<string, Kernel> {
  const batchNormAttributes = (x: GraphValue, epsilon: number) => ({
    T: attr.type(x.dtype),
    U: attr.type(float),
    epsilon: attr.float(epsilon),
    data_format: attr.text("NHWC"),
  });

  /** A batch norm with given statistics. */
  const normalize = (
    { x, scale, offset, mean, variance }: KernelInputs<GraphValue>,
    epsilon: number,
    dependencies: string[] = [],
  ): GraphValue => ({
    name: backend.graph.node(
      "FusedBatchNormV3",
      [x, scale, offset, mean, variance, ...after(dependencies)],
      { ...batchNormAttributes(x, epsilon), is_training: attr.bool(false) },
    ),
    dtype: x.dtype,
    shape: x.shape,
  });

  const batchNormGradients = (
    { dy, x: given, scale, statistics, epsilon }: {
      dy: GraphValue;
      x: GraphValue;
      scale: GraphValue;
      statistics: GraphValue[];
      epsilon: number;
    },
    training: boolean,
  ): GraphValue[] => {
    const x = backend.inComputeType(given);
    const name = backend.graph.node(
      "FusedBatchNormGradV3",
      [backend.graph.cast(dy, x.dtype), x, scale, ...statistics],
      { ...batchNormAttributes(x, epsilon), is_training: attr.bool(training) },
    );
    return [
      { name, dtype: x.dtype, shape: x.shape },
      { name: `${name}:1`, dtype: float, shape: scale.shape },
      { name: `${name}:2`, dtype: float, shape: scale.shape },
    ];
  };

  return {
    FusedBatchNorm: (given, { varianceEpsilon }) => {
      const values = { ...given, x: backend.inComputeType(given.x) };
      const y = normalize(values, varianceEpsilon);
      backend.rematerialization.register(
        y,
        (dependencies) => normalize(values, varianceEpsilon, dependencies),
      );
      return [y];
    },
    [KERNELS.batchNorm]: (values, { epsilon }) => {
      const { scale, offset } = values, x = backend.inComputeType(values.x);
      const none = backend.graph.constant(float, [0], []);
      const name = backend.graph.node(
        "FusedBatchNormV3",
        [x, scale, offset, none, none],
        { ...batchNormAttributes(x, epsilon), is_training: attr.bool(true) },
      );
      const y = { name, dtype: x.dtype, shape: x.shape };
      const statistic = (output: number) => ({
        name: `${name}:${output}`,
        dtype: float,
        shape: scale.shape,
      });
      const mean = statistic(1), unbiased = statistic(2);
      backend.rematerialization.register(y, (dependencies) => {
        const count = sizeOf(x.shape.slice(0, -1));
        const biased = backend.graph.scalar((count - 1) / count);
        // The dependencies are the variance's: TensorFlow fuses a batch norm and a ReLU
        // only where neither has any.
        const inputs = [unbiased, biased, ...after(dependencies)];
        const variance = backend.graph.value("Mul", inputs, scale.shape);
        return normalize({ ...values, x, mean, variance }, epsilon);
      });
      return [y, mean, unbiased, ...[3, 4, 5].map(statistic)];
    },
    [KERNELS.batchNormGrad]: (values, { epsilon }) => {
      const { dy, x, scale, reserve1, reserve2, reserve3 } = values;
      const statistics = [reserve1, reserve2, reserve3];
      return batchNormGradients({ dy, x, scale, statistics, epsilon }, true);
    },
    [KERNELS.frozenBatchNormGrad]: (values, { epsilon }) => {
      const { dy, x, scale, mean, variance } = values;
      const statistics = [
        mean,
        variance,
        backend.graph.constant(float, [0], []),
      ];
      return batchNormGradients({ dy, x, scale, statistics, epsilon }, false);
    },
  };
}
