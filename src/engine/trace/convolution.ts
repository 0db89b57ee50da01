/**
 * The kernels of the tracing backend for convolutions and pooling.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { after, attr, type GraphValue, type Sides } from "./graph.ts";
import type { TraceBackend } from "./backend.ts";
import type { Kernel } from "./kernel.ts";
import { DType } from "./messages.ts";
import { SmallMapConvolution } from "./small_maps.ts";
import { stridedFilterGradient } from "./strided_gradient.ts";
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

/** The kernels, which append to the graph of `backend`. */
export function convolutionKernels(
  backend: TraceBackend,
): Record<string, Kernel> {
  /** Zero-padded to the number of channels that the device is faster with. */
  const filledUp = (value: GraphValue, axis: number) => {
    const wanted = backend.settings.stemChannels ?? 0;
    return value.shape[axis]! < wanted
      ? backend.graph.filledUp(value, axis, wanted)
      : value;
  };

  /** The faster algorithm, if there is one for this convolution. */
  const fasterFor = (
    pass: Pass,
    map: number[],
    filter: number[],
    { strides, pad }: Placement,
  ): Winograd | SmallMapConvolution | undefined => {
    const { computeType, winograd } = backend.settings;
    const [images, side, width] = map as Sides;
    const [down, across, input, output] = filter as Sides;
    const fits = winograd && pad === "same" && side === width &&
      down === 3 && across === 3 && both(strides).every((by) => by === 1);
    if (!fits) return undefined;
    if (side === 1 || side === 2) {
      return new SmallMapConvolution(backend, side, computeType);
    }
    const channels = Math.min(input, output);
    const tile = winogradTile(computeType, pass, {
      images,
      side,
      channels,
    });
    return tile && new Winograd(backend, tile, side, computeType);
  };

  return {
    PadV2: ({ x }, { paddings }) => {
      const amounts = backend.graph.constant(
        DType.int32,
        [paddings.length, 2],
        paddings.flat(),
      );
      const shape = x.shape.map((side, i) =>
        side + paddings[i][0] + paddings[i][1]
      );
      const pad = (input: GraphValue, dependencies: string[] = []) => {
        const name = backend.graph.node("Pad", [
          input,
          amounts,
          ...after(dependencies),
        ], {
          T: attr.type(x.dtype),
          Tpaddings: attr.type(DType.int32),
        });
        return { name, dtype: x.dtype, shape };
      };
      const padded = pad(x);
      // The padding's input may itself be recomputed.
      backend.rematerialization.register(padded, (dependencies) => {
        const recompute = backend.rematerialization.recomputeOf(x);
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
        filledUp(backend.inComputeType(x), 3),
        filledUp(backend.inComputeType(filter), 2),
      ];
      return [
        backend.graph.value("Conv2D", inputs, outShape, {
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
        backend.graph.ints(inputShape),
        backend.inComputeType(filter),
        backend.inComputeType(dy),
      ];
      const { computeType } = backend.settings;
      return [
        backend.graph.value("Conv2DBackpropInput", inputs, inputShape, {
          ...spatial(attributes),
          T: attr.type(computeType),
        }, computeType),
      ];
    },
    Conv2DBackpropFilter: ({ x, dy }, attributes) => {
      const { filterShape } = attributes;
      const input = backend.rematerialization.forBackward(x, dy);
      const fast = fasterFor(
        "filterGradient",
        x.shape,
        filterShape,
        attributes,
      );
      if (fast) return [fast.filterGradient(input, dy)];
      const [, height, width, channels] = x.shape as Sides;
      const byTaps = backend.settings.winograd &&
        both(attributes.strides).every((by) => by === 2) &&
        // A 1×1 filter needs no padding, whatever `pad` is.
        (attributes.pad === "valid" || filterShape[0] === 1) &&
        height % 2 === 0 && width % 2 === 0 && channels >= TAPS_FROM;
      if (byTaps) {
        return [stridedFilterGradient(backend.graph, {
          x: backend.inComputeType(input),
          dy: backend.inComputeType(dy),
          shape: filterShape,
        })];
      }
      const full = filledUp(backend.inComputeType(input), 3);
      const fullShape = filterShape.with(2, full.shape[3]);
      const gradient = backend.graph.value(
        "Conv2DBackpropFilter",
        [full, backend.graph.ints(fullShape), backend.inComputeType(dy)],
        fullShape,
        spatial(attributes),
      );
      const isFull = full.shape[3] === filterShape[2];
      return [
        isFull
          ? gradient
          : backend.graph.slice(gradient, [0, 0, 0, 0], filterShape),
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
      return [
        backend.graph.value("MaxPool", [x], outShape, windowed(attributes)),
      ];
    },
    MaxPoolGrad: ({ dy, input, output }, attributes) => [
      backend.graph.value(
        "MaxPoolGrad",
        [input, output, backend.graph.cast(dy, input.dtype)],
        input.shape,
        windowed(attributes),
      ),
    ],
  };
}
