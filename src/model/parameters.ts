/**
 * The names, shapes and initial values of a model's tensors. Names are
 * PyTorch's; shapes are TensorFlow's (convolutions `H×W×in×out`, linear layers
 * `in×out`), and `layout.ts` turns one into the other.
 *
 * @module
 */
import { Purpose, RandomStream } from "../random.ts";
import type { ModelConfig } from "./architectures.ts";

/** What a tensor is: this decides its initial value and its treatment. */
export type TensorKind =
  | "conv.weight"
  | "linear.weight"
  | "linear.bias"
  | "norm.weight"
  | "norm.bias"
  | "norm.running_mean"
  | "norm.running_var";

/** One tensor of a model. */
export interface TensorSpec {
  /** PyTorch's name, such as `backbone.layer1.0.conv1.weight`. */
  name: string;
  /** TensorFlow's shape. */
  shape: number[];
  /** See {@linkcode TensorKind}. */
  kind: TensorKind;
  /** Inputs of a linear layer, for its initial weights and biases. */
  fanIn?: number;
}

/** Tensors by name. */
export type State = Map<string, Float32Array>;

/** The blocks of ResNet-18: stage, block, input and output width, stride. */
export interface BlockSpec {
  /** `backbone.layer<stage>.<block>`. */
  name: string;
  /** Channels in. */
  input: number;
  /** Channels out. */
  output: number;
  /** Stride of the first convolution. */
  stride: number;
}

/** The eight basic blocks of a ResNet-18 of the given width. */
export function resnet18Blocks(width: number): BlockSpec[] {
  const blocks: BlockSpec[] = [];
  let input = width;
  for (let stage = 1; stage <= 4; stage++) {
    const output = width * 2 ** (stage - 1);
    for (let block = 0; block < 2; block++) {
      const stride = stage > 1 && block === 0 ? 2 : 1;
      const name = `backbone.layer${stage}.${block}`;
      blocks.push({ name, input, output, stride });
      input = output;
    }
  }
  return blocks;
}

/** All tensors of a model, running statistics among them, in PyTorch's order. */
export function tensorSpecs(config: ModelConfig): TensorSpec[] {
  const specs: TensorSpec[] = [];
  const conv = (name: string, side: number, input: number, output: number) =>
    specs.push({
      name: `${name}.weight`,
      shape: [side, side, input, output],
      kind: "conv.weight",
    });
  const norm = (name: string, channels: number) => {
    for (
      const part of ["weight", "bias", "running_mean", "running_var"] as const
    ) {
      specs.push({
        name: `${name}.${part}`,
        shape: [channels],
        kind: `norm.${part}`,
      });
    }
  };
  const linear = (name: string, input: number, output: number) =>
    specs.push(
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
    );

  conv("backbone.conv1", config.stem === "cifar" ? 3 : 7, 3, config.width);
  norm("backbone.bn1", config.width);
  for (const { name, input, output, stride } of resnet18Blocks(config.width)) {
    conv(`${name}.conv1`, 3, input, output);
    norm(`${name}.bn1`, output);
    conv(`${name}.conv2`, 3, output, output);
    norm(`${name}.bn2`, output);
    if (stride !== 1 || input !== output) {
      conv(`${name}.downsample.0`, 1, input, output);
      norm(`${name}.downsample.1`, output);
    }
  }
  linear("pre_feature.0", config.width * 8, config.hidden);
  norm("pre_feature.1", config.hidden);
  linear("projection.0", config.hidden, config.hidden);
  norm("projection.1", config.hidden);
  linear("projection.3", config.hidden, config.embedding);
  return specs;
}

/** Whether the optimiser changes it: all but the running statistics. */
export function isTrainable(spec: TensorSpec): boolean {
  return !spec.kind.startsWith("norm.running");
}

/** How many numbers a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * Initial values, from the distributions of torchvision's ResNet and
 * `nn.Linear`: convolutions normal with deviation √(2 / fan-out), linear
 * weights and biases uniform in ±1/√fan-in, batch norms one and zero.
 *
 * @param specs From {@linkcode tensorSpecs}.
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
