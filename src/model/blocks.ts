/**
 * The convolutions of a ResNet, by torchvision's names.
 *
 * @module
 */
import type { ModelConfig } from "./architectures.ts";

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

/** A residual block: its convolutions in order, and the shortcut's convolution. */
export interface BlockSpec {
  /** A ReLU follows each one except the last. */
  convs: ConvSpec[];
  /** Only if the block changes the shape; otherwise the shortcut is the identity. */
  shortcut?: ConvSpec;
}

/** Number of blocks in each of the four stages. */
const STAGES: Record<ModelConfig["depth"], readonly number[]> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
};

/** Output channels of a block, as a multiple of its inner channels. */
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
 * bottleneck of 1×1, 3×3 and 1×1 (He et al., figure 5) with the stride in the 3×3
 * convolution, as in torchvision.
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
