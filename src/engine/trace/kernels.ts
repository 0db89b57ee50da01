/**
 * The kernels of the tracing backend: each appends the nodes of one tfjs kernel.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { type KernelInputs, KERNELS } from "../../model/kernels.ts";
import { TRACE_BACKEND, type TraceBackend } from "./backend.ts";
import { batchNormKernels } from "./batch_norm.ts";
import { convolutionKernels } from "./convolution.ts";
import { attr, type GraphValue } from "./graph.ts";
import type { Kernel } from "./kernel.ts";
import { type AttrValue, DType, type DTypeNumber } from "./messages.ts";

const { float, int32, bfloat16, bool } = DType;

/** The kernels, which append to the graph of `backend`. */
function traceKernels(
  backend: TraceBackend,
): Record<string, Kernel> {
  /** A node with one output. */
  const one = (
    op: string,
    inputs: GraphValue[],
    shape: number[],
    attributes: Record<string, AttrValue> = {},
    dtype?: DTypeNumber,
  ): [GraphValue] => [
    backend.graph.value(op, inputs, shape, attributes, dtype),
  ];

  /** Two values in one type: both are cast to float if their types differ. */
  const alike = (a: GraphValue, b: GraphValue): [GraphValue, GraphValue] =>
    a.dtype === b.dtype
      ? [a, b]
      : [backend.graph.cast(a, float), backend.graph.cast(b, float)];

  const elementwise = (op: string): Kernel => ({ x }) => one(op, [x], x.shape);

  const binary = (op: string, result?: DTypeNumber): Kernel => ({ a, b }) => {
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const pair = alike(a, b);
    return one(op, pair, shape, {}, result ?? pair[0].dtype);
  };

  const add = binary("AddV2");

  const reduction = (op: string): Kernel => ({ x }, { axis, keepDims }) => {
    const axes = tf.util.parseAxisParam(axis ?? null!, x.shape);
    const shape = x.shape.flatMap((side, i) =>
      !axes.includes(i) ? [side] : keepDims ? [1] : []
    );
    return one(
      op,
      [backend.graph.cast(x, float), backend.graph.ints(axes)],
      shape,
      {
        Tidx: attr.type(int32),
        keep_dims: attr.bool(!!keepDims),
      },
    );
  };

  return {
    ...convolutionKernels(backend),
    ...batchNormKernels(backend),
    Add: (values) => {
      const { a, b } = values;
      // TensorFlow fuses a BiasAdd with the convolution before it.
      const isBias = b.variable && a.shape.length === 4 && b.shape.length === 1;
      if (!isBias) return add(values, {});
      return one("BiasAdd", [a, backend.graph.cast(b, a.dtype)], a.shape, {
        data_format: attr.text("NHWC"),
      });
    },
    Sub: binary("Sub"),
    Multiply: binary("Mul"),
    RealDiv: binary("RealDiv"),
    Maximum: binary("Maximum"),
    Minimum: binary("Minimum"),
    Greater: binary("Greater", bool),
    GreaterEqual: binary("GreaterEqual", bool),
    Less: binary("Less", bool),
    Neg: elementwise("Neg"),
    Exp: elementwise("Exp"),
    Log: elementwise("Log"),
    Sqrt: elementwise("Sqrt"),
    Square: elementwise("Square"),
    Relu: ({ x }) => {
      const [y] = one("Relu", [x], x.shape);
      const recompute = backend.rematerialization.recomputeOf(x);
      if (recompute) {
        backend.rematerialization.register(
          y,
          (dependencies) => one("Relu", [recompute(dependencies)], x.shape)[0],
        );
      }
      return [y];
    },
    ZerosLike: elementwise("ZerosLike"),
    Sum: reduction("Sum"),
    Mean: reduction("Mean"),
    Identity: ({ x }) => [x],
    Cast: ({ x }, { dtype }) =>
      // tfjs has only float32: a value in float or bfloat16 keeps its type.
      dtype === "float32" && x.dtype !== bool && x.dtype !== int32 &&
        x.dtype !== DType.uint8 && x.dtype !== DType.uint16
        ? [x]
        : [backend.graph.cast(x, dtype === "int32" ? int32 : float)],
    Reshape: ({ x }, { shape }) => {
      const size = tf.util.sizeFromShape(x.shape);
      const sides = tf.util.inferFromImplicitShape(shape, size);
      return [backend.graph.reshape(x, sides)];
    },
    Tile: ({ x }, { reps }) =>
      one(
        "Tile",
        [x, backend.graph.ints(reps)],
        x.shape.map((side, i) => side * reps[i]),
        { Tmultiples: attr.type(int32) },
      ),
    Transpose: ({ x }, { perm }) => [backend.graph.transpose(x, perm)],
    Slice: ({ x }, { begin, size }) => [
      backend.graph.slice(x, begin, size),
    ],
    Pack: (values) => {
      const parts = Object.values(values).map((part) =>
        backend.graph.cast(part, float)
      );
      const shape = [parts.length, ...parts[0]!.shape];
      return one("Pack", parts, shape, {
        N: attr.int(parts.length),
        axis: attr.int(0),
      });
    },
    Unpack: ({ value }, { axis }) =>
      Array.from({ length: value.shape[axis]! }, (_, i) => {
        const at = value.shape.map((_, side) => side === axis ? i : 0);
        const size = value.shape.map((n, side) => side === axis ? 1 : n);
        const rest = value.shape.filter((_, side) => side !== axis);
        return backend.graph.reshape(
          backend.graph.slice(value, at, size),
          rest,
        );
      }),
    Concat: (values, { axis }) => {
      const parts = Object.values(values).map((part) =>
        backend.graph.cast(part, float)
      );
      const shape = parts[0]!.shape.map((side, i) =>
        i === axis ? parts.reduce((sum, part) => sum + part.shape[i]!, 0) : side
      );
      const at = backend.graph.constant(int32, [], [axis]);
      return one("ConcatV2", [...parts, at], shape, {
        N: attr.int(parts.length),
        Tidx: attr.type(int32),
      });
    },
    Fill: (_, { shape, value }) => [backend.graph.fill(shape, value)],
    AddN: (values) => {
      const terms = Object.values(values);
      const wide = terms.some((term) => term.dtype === float);
      const same = terms.map((term) =>
        backend.graph.cast(term, wide ? float : terms[0]!.dtype)
      );
      return one("AddN", same, same[0]!.shape, { N: attr.int(same.length) });
    },
    BatchMatMul: ({ a, b }, { transposeA, transposeB }) => {
      // A layer's product has a weight or a bf16 activation as a factor; products in the
      // losses have neither and stay in fp32, as do the weight gradients of a head
      // without batch norms.
      const ofLayer = [a, b].some((v) => v.variable || v.dtype === bfloat16);
      const [x, y] = ofLayer
        ? [backend.inComputeType(a), backend.inComputeType(b)]
        : alike(a, b);
      return [backend.graph.matMul(x, y, { transposeA, transposeB })];
    },
    [KERNELS.reluGrad]: ({ dy, y }) => {
      const gradient = backend.graph.cast(dy, y.dtype);
      const output = backend.rematerialization.forBackward(y, gradient);
      return one("ReluGrad", [gradient, output], y.shape);
    },
    [KERNELS.squaredNorm]: ({ x }) => {
      // L2Loss computes half the sum of the squares in one pass.
      const [half] = one("L2Loss", [backend.graph.cast(x, float)], []);
      return one("Mul", [half, backend.graph.scalar(2)], []);
    },
    [KERNELS.logDeterminant]: ({ x }) => {
      const [n, side] = x.shape as [number, number];
      const [factor] = one("Cholesky", [x], x.shape);
      const [diagonal] = one("MatrixDiagPart", [factor], [n, side]);
      const [logs] = one("Log", [diagonal], [n, side]);
      const half = backend.graph.sum(logs, [1]);
      const [value] = one("Mul", [half, backend.graph.scalar(2)], [n]);
      // (LLᵀ)⁻¹ = L⁻ᵀL⁻¹: a triangular solve and a product, which a GPU computes
      // for all matrices in one batch; MatrixInverse would be a pivoted LU.
      const sides = [factor, backend.graph.identity(side)];
      const [solved] = one("MatrixTriangularSolve", sides, x.shape, {
        lower: attr.bool(true),
        adjoint: attr.bool(false),
      });
      const [inverse] = one("BatchMatMulV2", [solved, solved], x.shape, {
        adj_x: attr.bool(true),
        adj_y: attr.bool(false),
      });
      return [value, inverse];
    },
  };
}

/** Registers the backend and its kernels with tfjs, once. */
export function registerTraceKernels(
  backend: TraceBackend,
): void {
  const kernels = traceKernels(backend);
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    tf.registerKernel({
      kernelName,
      backendName: TRACE_BACKEND,
      kernelFunc: ({ inputs, attrs }) => {
        const values = Object.fromEntries(
          Object.entries(inputs).map(([name, input]) => [
            name,
            backend.value(input as tf.TensorInfo),
          ]),
        ) as KernelInputs<GraphValue>;
        const outputs = kernel(values, attrs ?? {}).map((value) => ({
          dataId: backend.put(value) as tf.DataId,
          shape: value.shape,
          dtype: (value.dtype === bool ? "bool" : "float32") as tf.DataType,
        }));
        return outputs.length === 1 ? outputs[0]! : outputs;
      },
    });
  }
}
