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

/** A convolution of a block, with the batch norm after it. */
export interface ConvSpec {
  /** The names of the convolution and of the batch norm. */
  names: [conv: string, norm: string];
  /** Side of the filter. */
  side: number;
  /** Channels in. */
  input: number;
  /** Channels out. */
  output: number;
  /** Stride. */
  stride: number;
}

/** A residual block: its convolutions, in order, and that of its shortcut. */
export interface BlockSpec {
  /** ReLU follows each but the last. */
  convs: ConvSpec[];
  /** Where the block changes the shape; else the shortcut is its input. */
  shortcut?: ConvSpec;
}

/** Blocks of each of the four stages. */
const STAGES: Record<ModelConfig["depth"], readonly number[]> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
};

/** Channels out of a block, as a multiple of its inner ones. */
function expansion({ depth }: Pick<ModelConfig, "depth">): number {
  return depth >= 50 ? 4 : 1;
}

/** Channels of the backbone's output: 512, or 2048 with bottlenecks. */
export function backboneWidth(
  config: Pick<ModelConfig, "depth" | "width">,
): number {
  return 8 * config.width * expansion(config);
}

/** The stem's convolution. */
export function stemOf({ stem, width, channels }: ModelConfig): ConvSpec {
  const imagenet = stem === "imagenet";
  return {
    names: ["backbone.conv1", "backbone.bn1"],
    side: imagenet ? 7 : 3,
    input: channels,
    output: width,
    stride: imagenet ? 2 : 1,
  };
}

/**
 * The blocks of a ResNet, by torchvision's names: two 3×3 convolutions, or the
 * bottleneck of 1×1, 3×3 and 1×1 (He et al., figure 5), whose stride is in the
 * 3×3 as torchvision has it.
 */
export function blocksOf(config: ModelConfig): BlockSpec[] {
  const blocks: BlockSpec[] = [];
  let input = config.width;
  for (const [stage, count] of STAGES[config.depth].entries()) {
    const inner = config.width * 2 ** stage, output = inner * expansion(config);
    for (let block = 0; block < count; block++) {
      const name = `backbone.layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const conv = (n: number, rest: Omit<ConvSpec, "names">): ConvSpec => ({
        names: [`${name}.conv${n}`, `${name}.bn${n}`],
        ...rest,
      });
      const convs = config.depth >= 50
        ? [
          conv(1, { side: 1, input, output: inner, stride: 1 }),
          conv(2, { side: 3, input: inner, output: inner, stride }),
          conv(3, { side: 1, input: inner, output, stride: 1 }),
        ]
        : [
          conv(1, { side: 3, input, output: inner, stride }),
          conv(2, { side: 3, input: inner, output, stride: 1 }),
        ];
      const changes = stride !== 1 || input !== output;
      const names: [string, string] = [
        `${name}.downsample.0`,
        `${name}.downsample.1`,
      ];
      blocks.push({
        convs,
        shortcut: changes
          ? { names, side: 1, input, output, stride }
          : undefined,
      });
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

  const normalized = ({ names, side, input, output }: ConvSpec) => {
    conv(names[0], side, input, output);
    norm(names[1], output);
  };
  normalized(stemOf(config));
  for (const { convs, shortcut } of blocksOf(config)) {
    convs.forEach(normalized);
    if (shortcut) normalized(shortcut);
  }
  linear("pre_feature.0", backboneWidth(config), config.hidden);
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
