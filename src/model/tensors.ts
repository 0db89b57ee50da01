/**
 * The tensors of a model: names, shapes and initial values. Names are PyTorch's;
 * shapes are TensorFlow's (convolutions `H×W×in×out`, linear layers `in×out`), and
 * `layout.ts` converts to PyTorch's layout and back.
 *
 * @module
 */
import { Purpose, RandomStream } from "../common/random.ts";

/** Decides a tensor's initial value, its memory layout and whether it is trained. */
export type TensorKind =
  | "conv.weight"
  | "linear.weight"
  | "linear.bias"
  | "norm.weight"
  | "norm.bias"
  | "norm.running_mean"
  | "norm.running_var"
  /** Rows of a queue. */
  | "buffer";

/** One tensor of a model. */
export interface TensorSpec {
  /** PyTorch's name, such as `backbone.layer1.0.conv1.weight`. */
  name: string;
  /** TensorFlow's shape. */
  shape: number[];
  /** See {@linkcode TensorKind}. */
  kind: TensorKind;
  /** Whether it is state of the method besides the network: see `methods/method.ts`. */
  kept?: boolean;
  /** Inputs of a linear layer, for its initial weights and biases. */
  fanIn?: number;
}

/** Tensors by name. */
export type State = Map<string, Float32Array>;

/** A convolution without bias. */
export function convSpec(
  name: string,
  side: number,
  input: number,
  output: number,
): TensorSpec {
  return {
    name: `${name}.weight`,
    shape: [side, side, input, output],
    kind: "conv.weight",
  };
}

/** A batch norm. */
export function normSpecs(name: string, channels: number): TensorSpec[] {
  return (["weight", "bias", "running_mean", "running_var"] as const).map(
    (part) => ({
      name: `${name}.${part}`,
      shape: [channels],
      kind: `norm.${part}` as const,
    }),
  );
}

/** A linear layer with its bias. */
export function linearSpecs(
  name: string,
  input: number,
  output: number,
): TensorSpec[] {
  return [
    {
      name: `${name}.weight`,
      shape: [input, output],
      kind: "linear.weight",
      fanIn: input,
    },
    {
      name: `${name}.bias`,
      shape: [output],
      kind: "linear.bias",
      fanIn: input,
    },
  ];
}

/** Whether the optimiser updates it: not running statistics, nor the method's state. */
export function isTrainable({ kind, kept }: TensorSpec): boolean {
  return !kind.startsWith("norm.running") && !kept;
}

/** How many numbers a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * Initial values, from the distributions of torchvision's ResNet and `nn.Linear`:
 * convolutions normal with standard deviation √(2 / fan-out), linear weights and
 * biases uniform in ±1/√fan-in, batch norm weights one and biases zero.
 *
 * @param specs The result of `tensorSpecs`.
 * @param seed The user's seed.
 */
export function initialState(specs: TensorSpec[], seed: number): State {
  const state: State = new Map();
  for (const [index, spec] of specs.entries()) {
    const values = new Float32Array(sizeOf(spec.shape));
    const random = new RandomStream({
      seed,
      purpose: Purpose.weights,
      at: [index],
    });
    if (spec.kind === "conv.weight") {
      const fanOut = spec.shape[0]! * spec.shape[1]! * spec.shape[3]!;
      const deviation = Math.sqrt(2 / fanOut);
      for (let i = 0; i < values.length; i++) {
        values[i] = deviation * random.normal();
      }
    } else if (spec.kind.startsWith("linear.")) {
      const bound = 1 / Math.sqrt(spec.fanIn!);
      for (let i = 0; i < values.length; i++) {
        values[i] = random.uniform(-bound, bound);
      }
    } else if (
      spec.kind === "norm.weight" || spec.kind === "norm.running_var"
    ) {
      values.fill(1);
    }
    state.set(spec.name, values);
  }
  return state;
}
