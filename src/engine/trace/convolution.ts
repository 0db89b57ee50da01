/**
 * The kernels of the tracing backend for convolutions and pooling.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import type { Rematerialization } from "./rematerialization.ts";
import {
  attr,
  type GraphBuilder,
  type GraphValue,
  type Sides,
} from "./graph.ts";
import type { Kernel, KernelSettings } from "./kernel.ts";
import { DType } from "./messages.ts";
import { PointConvolution, stridedFilterGradient } from "./tap_products.ts";
import { type Pass, Winograd, winogradTile } from "./winograd.ts";

/** A number for both spatial axes, or one for each. */
type Both = number | [number, number];
const both = (value: Both) => Array.isArray(value) ? value : [value, value];

interface Placement {
  strides: Both;
  pad: string | number;
}

function spatial({ strides, pad }: Placement) {
  return {
    strides: attr.ints([1, ...both(strides), 1]),
    padding: attr.text(String(pad).toUpperCase()),
    data_format: attr.text("NHWC"),
  };
}

function windowed({ filterSize, ...rest }: Placement & { filterSize: Both }) {
  return { ksize: attr.ints([1, ...both(filterSize), 1]), ...spatial(rest) };
}

/**
 * From this many input channels on, a strided filter gradient is faster tap by
 * tap. A stem has 3.
 */
const TAPS_FROM = 32;

/** The kernels; `graph` returns the graph that is being traced. */
export function convolutionKernels(
  graph: () => GraphBuilder,
  settings: () => KernelSettings,
  rematerialization: () => Rematerialization,
): Record<string, Kernel> {
  const inComputeType = (value: GraphValue) =>
    graph().cast(value, settings().computeType);

  /** Zero-padded to the number of channels that the device is faster with. */
  const filledUp = (value: GraphValue, axis: number) => {
    const wanted = settings().stemChannels ?? 0;
    return value.shape[axis]! < wanted
      ? graph().filledUp(value, axis, wanted)
      : value;
  };

  /** The faster algorithm, if there is one for this convolution. */
  const fasterFor = (
    pass: Pass,
    map: number[],
    filter: number[],
    { strides, pad }: Placement,
  ): Winograd | PointConvolution | undefined => {
    const { computeType, winograd } = settings();
    const [, side, width] = map as Sides;
    const [down, across, input, output] = filter as Sides;
    const fits = winograd && pad === "same" && side === width &&
      down === 3 && across === 3 && both(strides).every((by) => by === 1);
    if (!fits) return undefined;
    if (side === 1) return new PointConvolution(graph(), computeType);
    const channels = Math.min(input, output);
    const tile = winogradTile(computeType, pass, { side, channels });
    return tile && new Winograd(graph(), tile, side, computeType);
  };

  return {
    PadV2: ({ x }, { paddings }) => {
      const amounts = graph().constant(
        DType.int32,
        [paddings.length, 2],
        paddings.flat(),
      );
      const shape = x.shape.map((side, i) =>
        side + paddings[i][0] + paddings[i][1]
      );
      const pad = (input: GraphValue, dependencies: string[] = []) => {
        const name = graph().node("Pad", [input, amounts, ...dependencies], {
          T: attr.type(x.dtype),
          Tpaddings: attr.type(DType.int32),
        });
        return { name, dtype: x.dtype, shape };
      };
      const padded = pad(x);
      // The padding's input may itself be recomputed.
      rematerialization().register(padded, (dependencies) => {
        const recompute = rematerialization().recomputeOf(x);
        return recompute ? pad(recompute(dependencies)) : pad(x, dependencies);
      });
      return [padded];
    },
    Conv2D: ({ x, filter }, attributes) => {
      const fast = fasterFor("forward", x.shape, filter.shape, attributes);
      if (fast) return [fast.forward(x, filter)];
      const { outShape } = tf.backend_util.computeConv2DInfo(
        x.shape as Sides,
        filter.shape as Sides,
        attributes.strides,
        [1, 1],
        attributes.pad,
      );
      const inputs = [
        filledUp(inComputeType(x), 3),
        filledUp(inComputeType(filter), 2),
      ];
      return [
        graph().value("Conv2D", inputs, outShape, {
          ...spatial(attributes),
          // The default value, which converters of exported graphs expect to be set.
          dilations: attr.ints([1, 1, 1, 1]),
        }),
      ];
    },
    Conv2DBackpropInput: ({ dy, filter }, attributes) => {
      const { inputShape } = attributes;
      const fast = fasterFor(
        "inputGradient",
        inputShape,
        filter.shape,
        attributes,
      );
      if (fast) return [fast.inputGradient(dy, filter)];
      const inputs = [
        graph().ints(inputShape),
        inComputeType(filter),
        inComputeType(dy),
      ];
      const { computeType } = settings();
      return [
        graph().value("Conv2DBackpropInput", inputs, inputShape, {
          ...spatial(attributes),
          T: attr.type(computeType),
        }, computeType),
      ];
    },
    Conv2DBackpropFilter: ({ x, dy }, attributes) => {
      const { filterShape } = attributes;
      const input = rematerialization().forBackward(x, dy);
      const fast = fasterFor(
        "filterGradient",
        x.shape,
        filterShape,
        attributes,
      );
      if (fast) return [fast.filterGradient(input, dy)];
      const [, height, width, channels] = x.shape as Sides;
      const byTaps = settings().winograd &&
        both(attributes.strides).every((by) => by === 2) &&
        // A 1×1 filter needs no padding, whatever `pad` is.
        (attributes.pad === "valid" || filterShape[0] === 1) &&
        height % 2 === 0 && width % 2 === 0 && channels >= TAPS_FROM;
      if (byTaps) {
        return [stridedFilterGradient(graph(), {
          x: inComputeType(input),
          dy: inComputeType(dy),
          shape: filterShape,
        })];
      }
      const full = filledUp(inComputeType(input), 3);
      const fullShape = filterShape.with(2, full.shape[3]);
      const gradient = graph().value(
        "Conv2DBackpropFilter",
        [full, graph().ints(fullShape), inComputeType(dy)],
        fullShape,
        spatial(attributes),
      );
      const isFull = full.shape[3] === filterShape[2];
      return [
        isFull ? gradient : graph().slice(gradient, [0, 0, 0, 0], filterShape),
      ];
    },
    MaxPool: ({ x }, attributes) => {
      const { outShape } = tf.backend_util.computePool2DInfo(
        x.shape as Sides,
        attributes.filterSize,
        attributes.strides,
        1,
        attributes.pad,
      );
      return [graph().value("MaxPool", [x], outShape, windowed(attributes))];
    },
    MaxPoolGrad: ({ dy, input, output }, attributes) => [
      graph().value(
        "MaxPoolGrad",
        [input, output, graph().cast(dy, input.dtype)],
        input.shape,
        windowed(attributes),
      ),
    ],
  };
}
