/**
 * The architectures, by the authors' names, and the configuration of a model.
 *
 * @module
 */
import { checkOneOf } from "../common/choice_names.ts";

/** Layers of a ResNet: basic blocks in 18 and 34, bottlenecks in 50. */
export const DEPTHS = [18, 34, 50] as const;

/** The method of a model: its name and the values of its options. */
export interface MethodSettings {
  /** Its name. */
  name: string;
  /** The values of its options. */
  [option: string]: number | string;
}

/** The configuration that a model is built from. */
export interface ModelConfig {
  /** Layers of the ResNet. */
  depth: typeof DEPTHS[number];
  /**
   * `cifar`: 3×3 with stride 1, no pooling. `imagenet`: torchvision's 7×7 with stride 2
   * and max pooling.
   */
  stem: "cifar" | "imagenet";
  /** Channels of an image; 3 in the named architectures. */
  channels: number;
  /** Channels of the stem and of the first stage; 64 in the named ones. */
  width: number;
  /**
   * Width of the projector's hidden layers, and so of the `head` features; 4,096 in the
   * named ones. The backbone's features are 8 · `width`, of ResNet-50 32 · `width`.
   */
  hidden: number;
  /** Width of the embedding z: d; 1,024 in the named ones. */
  embedding: number;
  /** Padding of the 3×3 stem: 1, and 2 in solo-learn's networks. */
  stemPadding?: 1 | 2;
  /** The method that trains the model: EMP-SSL by default. */
  method?: MethodSettings;
}

/** An architecture: its model and its default patch size. */
export interface Architecture {
  /** See {@linkcode ModelConfig}. */
  model: ModelConfig;
  /** Default side of a patch in pixels. */
  patchSize: number;
}

const WIDTHS = {
  channels: 3,
  width: 64,
  hidden: 4096,
  embedding: 1024,
} as const;

/**
 * The name of an architecture: its depth, and the data set that its stem and patch
 * size are for.
 */
export type ArchitectureName = `resnet${typeof DEPTHS[number]}-${
  | "cifar"
  | "tinyimagenet"
  | "imagenet"}`;

/** Each depth, with the stem and the patch size for each data set. */
const named = DEPTHS.flatMap((depth): [ArchitectureName, Architecture][] => [
  [
    `resnet${depth}-cifar`,
    { model: { depth, stem: "cifar", ...WIDTHS }, patchSize: 32 },
  ],
  [
    `resnet${depth}-tinyimagenet`,
    { model: { depth, stem: "imagenet", ...WIDTHS }, patchSize: 64 },
  ],
  [
    `resnet${depth}-imagenet`,
    { model: { depth, stem: "imagenet", ...WIDTHS }, patchSize: 224 },
  ],
]);

/**
 * The authors' architectures (ResNet-18) by their names, and deeper versions of them.
 */
export const ARCHITECTURES = Object.fromEntries(named) as Readonly<
  Record<ArchitectureName, Architecture>
>;

/** Whether an architecture is for photographs rather than small images. */
export function isForPhotographs(name: string | undefined): boolean {
  return name?.endsWith("-imagenet") ?? false;
}

/**
 * The architecture of a name.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT` for an unknown name.
 *
 * @example The stem of the CIFAR network
 * ```ts
 * import { architecture } from "./architectures.ts";
 *
 * console.assert(architecture("resnet18-cifar").model.stem === "cifar");
 * ```
 */
export function architecture(name: string): Architecture {
  checkOneOf(`${name}`, Object.keys(ARCHITECTURES), {
    action: "build",
    subject: `architecture "${name}"`,
  });
  return ARCHITECTURES[name as ArchitectureName];
}
