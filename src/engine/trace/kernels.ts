/**
 * The kernels of the tracing backend: each appends the nodes of one tfjs kernel.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { KERNELS } from "../../model/kernels.ts";
import { TRACE_BACKEND, type TraceBackend } from "./backend.ts";
import { attr, type GraphValue } from "./graph.ts";
import { type AttrValue, DType, type DTypeNumber } from "./messages.ts";

type Values = Record<string, GraphValue>;
// deno-lint-ignore no-explicit-any -- each kernel's attributes, as tfjs has them
type Attributes = any;
type Kernel = (values: Values, attributes: Attributes) => GraphValue[];

const { float, int32, bfloat16, bool } = DType;

/** The kernels over one backend, heavy operations in the given element type. */
export function traceKernels(
  backend: TraceBackend,
  lowPrecision: () => DTypeNumber,
): Record<string, Kernel> {
  const graph = () => backend.graph;

  /** How to make a padded value again, once some nodes have run. */
  const padAgain = new Map<string, (...waits: string[]) => GraphValue>();

  /** A node of one output. */
  const one = (
    op: string,
    inputs: GraphValue[],
    shape: number[],
    attributes: Record<string, AttrValue> = {},
    dtype: DTypeNumber = inputs[0].dtype,
  ): GraphValue[] => {
    const all = { T: attr.type(inputs[0].dtype), ...attributes };
    return [{ name: graph().node(op, inputs, all), dtype, shape }];
  };

  /** Two values in the wider of their types. */
  const alike = (a: GraphValue, b: GraphValue): [GraphValue, GraphValue] =>
    a.dtype === b.dtype
      ? [a, b]
      : [graph().cast(a, float), graph().cast(b, float)];

  const elementwise = (op: string): Kernel => ({ x }) => one(op, [x], x.shape);

  const binary = (op: string, result?: DTypeNumber): Kernel => ({ a, b }) => {
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const pair = alike(a, b);
    return one(op, pair, shape, {}, result ?? pair[0].dtype);
  };

  const reduction =
    (op: string): Kernel => ({ x }, { axis, keepDims }: Attributes) => {
      const axes = tf.util.parseAxisParam(axis ?? null!, x.shape);
      const shape = x.shape.flatMap((side, i) =>
        !axes.includes(i) ? [side] : keepDims ? [1] : []
      );
      return one(op, [graph().cast(x, float), graph().ints(axes)], shape, {
        Tidx: attr.type(int32),
        keep_dims: attr.bool(!!keepDims),
      });
    };

  /** Convolutions run in the low precision. */
  const low = (value: GraphValue) => graph().cast(value, lowPrecision());
  const spatial = ({ strides, pad }: Attributes) => {
    const [down, across] = Array.isArray(strides)
      ? strides
      : [strides, strides];
    return {
      strides: attr.ints([1, down, across, 1]),
      padding: attr.text(String(pad).toUpperCase()),
      data_format: attr.text("NHWC"),
    };
  };
  const windowed = ({ filterSize, ...rest }: Attributes) => {
    const [down, across] = Array.isArray(filterSize)
      ? filterSize
      : [filterSize, filterSize];
    return { ksize: attr.ints([1, down, across, 1]), ...spatial(rest) };
  };

  const batchNormAttributes = (x: GraphValue, epsilon: number) => ({
    T: attr.type(x.dtype),
    U: attr.type(float),
    epsilon: attr.float(epsilon),
    data_format: attr.text("NHWC"),
  });

  return {
    Add: binary("AddV2"),
    Sub: binary("Sub"),
    Multiply: binary("Mul"),
    RealDiv: binary("RealDiv"),
    Maximum: binary("Maximum"),
    Minimum: binary("Minimum"),
    Greater: binary("Greater", bool),
    GreaterEqual: binary("GreaterEqual", bool),
    Less: binary("Less", bool),
    LessEqual: binary("LessEqual", bool),
    Neg: elementwise("Neg"),
    Log: elementwise("Log"),
    Sqrt: elementwise("Sqrt"),
    Square: elementwise("Square"),
    Relu: elementwise("Relu"),
    OnesLike: elementwise("OnesLike"),
    ZerosLike: elementwise("ZerosLike"),
    Sum: reduction("Sum"),
    Mean: reduction("Mean"),
    Identity: ({ x }) => [x],
    Cast: ({ x }, { dtype }: Attributes) =>
      // tfjs has one float; which one it is here stays as it is.
      dtype === "float32" && x.dtype !== bool && x.dtype !== int32 &&
        x.dtype !== DType.uint8
        ? [x]
        : [graph().cast(x, dtype === "int32" ? int32 : float)],
    Reshape: ({ x }, { shape }: Attributes) => {
      const size = tf.util.sizeFromShape(x.shape);
      const sides = tf.util.inferFromImplicitShape(shape, size);
      return one("Reshape", [x, graph().ints(sides)], sides, {
        Tshape: attr.type(int32),
      });
    },
    Tile: ({ x }, { reps }: Attributes) =>
      one(
        "Tile",
        [x, graph().ints(reps)],
        x.shape.map((side, i) => side * reps[i]),
        { Tmultiples: attr.type(int32) },
      ),
    Transpose: ({ x }, { perm }: Attributes) =>
      one(
        "Transpose",
        [x, graph().ints(perm)],
        perm.map((from: number) => x.shape[from]),
        { Tperm: attr.type(int32) },
      ),
    PadV2: ({ x }, { paddings }: Attributes) => {
      const amounts = graph().constant(
        int32,
        [paddings.length, 2],
        paddings.flat(),
      );
      const shape = x.shape.map((side, i) =>
        side + paddings[i][0] + paddings[i][1]
      );
      const pad = (...waits: string[]) => {
        const inputs = [x, amounts, ...waits.map((node) => `^${node}`)];
        const types = { T: attr.type(x.dtype), Tpaddings: attr.type(int32) };
        const name = graph().node("Pad", inputs, types);
        return { name, dtype: x.dtype, shape };
      };
      const padded = pad();
      padAgain.set(padded.name, pad);
      return [padded];
    },
    Slice: ({ x }, { begin, size }: Attributes) =>
      one("Slice", [x, graph().ints(begin), graph().ints(size)], size, {
        Index: attr.type(int32),
      }),
    Fill: (_, { shape, value }: Attributes) => [graph().fill(shape, value)],
    AddN: (values) => {
      const terms = Object.values(values);
      const wide = terms.some((term) => term.dtype === float);
      const same = terms.map((term) =>
        graph().cast(term, wide ? float : terms[0].dtype)
      );
      return one("AddN", same, same[0].shape, { N: attr.int(same.length) });
    },
    BatchMatMul: ({ a, b }, { transposeA, transposeB }: Attributes) => {
      // Products of layers have a weight or a low-precision activation in
      // them; those of the losses have neither and keep full precision.
      const heavy = [a, b].some((v) => v.variable || v.dtype === bfloat16);
      const [x, y] = heavy ? [low(a), low(b)] : alike(a, b);
      const batch = tf.backend_util.assertAndGetBroadcastShape(
        a.shape.slice(0, -2),
        b.shape.slice(0, -2),
      );
      const rows = a.shape.at(transposeA ? -1 : -2)!;
      const columns = b.shape.at(transposeB ? -2 : -1)!;
      return one("BatchMatMulV2", [x, y], [...batch, rows, columns], {
        adj_x: attr.bool(!!transposeA),
        adj_y: attr.bool(!!transposeB),
      });
    },
    Conv2D: ({ x, filter }, attributes: Attributes) => {
      const { outShape } = tf.backend_util.computeConv2DInfo(
        x.shape as [number, number, number, number],
        filter.shape as [number, number, number, number],
        attributes.strides,
        [1, 1],
        attributes.pad,
      );
      return one(
        "Conv2D",
        [low(x), low(filter)],
        outShape,
        spatial(attributes),
      );
    },
    Conv2DBackpropInput: ({ dy, filter }, attributes: Attributes) => {
      const { inputShape } = attributes;
      const inputs = [graph().ints(inputShape), low(filter), low(dy)];
      return one("Conv2DBackpropInput", inputs, inputShape, {
        ...spatial(attributes),
        T: attr.type(lowPrecision()),
      }, lowPrecision());
    },
    Conv2DBackpropFilter: ({ x, dy }, attributes: Attributes) => {
      const { filterShape } = attributes;
      const gradient = low(dy);
      // A padded map is made again: kept, it would lie in memory beside the map
      // that it was made of until the pass comes back.
      const input = padAgain.get(x.name)?.(gradient.name) ?? x;
      const inputs = [low(input), graph().ints(filterShape), gradient];
      return one(
        "Conv2DBackpropFilter",
        inputs,
        filterShape,
        spatial(attributes),
      );
    },
    MaxPool: ({ x }, attributes: Attributes) => {
      const { outShape } = tf.backend_util.computePool2DInfo(
        x.shape as [number, number, number, number],
        attributes.filterSize,
        attributes.strides,
        1,
        attributes.pad,
      );
      return one("MaxPool", [x], outShape, windowed(attributes));
    },
    MaxPoolGrad: ({ dy, input, output }, attributes: Attributes) => {
      const inputs = [input, output, graph().cast(dy, input.dtype)];
      return one("MaxPoolGrad", inputs, input.shape, windowed(attributes));
    },
    FusedBatchNorm: (values, { varianceEpsilon }: Attributes) => {
      const { x, scale, offset, mean, variance } = values;
      const name = graph().node(
        "FusedBatchNormV3",
        [x, scale, offset, mean, variance],
        {
          ...batchNormAttributes(x, varianceEpsilon),
          is_training: attr.bool(false),
        },
      );
      return [{ name, dtype: x.dtype, shape: x.shape }];
    },
    [KERNELS.batchNorm]: ({ x, scale, offset }, { epsilon }: Attributes) => {
      const none = graph().constant(float, [0], []);
      const name = graph().node(
        "FusedBatchNormV3",
        [x, scale, offset, none, none],
        { ...batchNormAttributes(x, epsilon), is_training: attr.bool(true) },
      );
      const y = { name, dtype: x.dtype, shape: x.shape };
      return [
        y,
        ...[1, 2, 3, 4, 5].map((output) => ({
          name: `${name}:${output}`,
          dtype: float,
          shape: scale.shape,
        })),
      ];
    },
    [KERNELS.batchNormGrad]: (values, { epsilon }: Attributes) => {
      const { dy, x, scale, reserve1, reserve2, reserve3 } = values;
      const name = graph().node(
        "FusedBatchNormGradV3",
        [graph().cast(dy, x.dtype), x, scale, reserve1, reserve2, reserve3],
        { ...batchNormAttributes(x, epsilon), is_training: attr.bool(true) },
      );
      return [
        { name, dtype: x.dtype, shape: x.shape },
        { name: `${name}:1`, dtype: float, shape: scale.shape },
        { name: `${name}:2`, dtype: float, shape: scale.shape },
      ];
    },
    [KERNELS.reluGrad]: ({ dy, y }) =>
      one("ReluGrad", [graph().cast(dy, y.dtype), y], y.shape),
    [KERNELS.squaredNorm]: ({ x }) => {
      // L2Loss is half the sum of the squares, in one pass.
      const [half] = one("L2Loss", [graph().cast(x, float)], []);
      return one("Mul", [half, graph().scalar(2)], []);
    },
    [KERNELS.logDeterminant]: ({ x }) => {
      const [n, side] = x.shape;
      const [factor] = one("Cholesky", [x], x.shape);
      const [diagonal] = one("MatrixDiagPart", [factor], [n, side]);
      const [logs] = one("Log", [diagonal], [n, side]);
      const [half] = one("Sum", [logs, graph().ints([1])], [n], {
        Tidx: attr.type(int32),
        keep_dims: attr.bool(false),
      });
      const [value] = one("Mul", [half, graph().scalar(2)], [n]);
      const [inverse] = one("MatrixInverse", [x], x.shape, {
        adjoint: attr.bool(false),
      });
      return [value, inverse];
    },
  };
}

/** Registers the backend and its kernels with tfjs, once. */
export function registerTraceKernels(
  backend: TraceBackend,
  lowPrecision: () => DTypeNumber,
): void {
  const kernels = traceKernels(backend, lowPrecision);
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
        );
        const outputs = kernel(values, attrs ?? {}).map((value) => ({
          dataId: backend.put(value) as tf.DataId,
          shape: value.shape,
          dtype: (value.dtype === bool ? "bool" : "float32") as tf.DataType,
        }));
        return outputs.length === 1 ? outputs[0] : outputs;
      },
    });
  }
}
