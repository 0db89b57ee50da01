/**
 * The architectures by the authors' names, and the numbers that make a model.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";

/** Layers of a ResNet: basic blocks in 18 and 34, bottlenecks in 50. */
export const DEPTHS = [18, 34, 50] as const;

/** A method's constants in a model: its name and its options. */
export interface MethodSettings {
  /** Its name. */
  name: string;
  /** Its options. */
  [option: string]: number | string;
}

/** The numbers that a model is built from. */
export interface ModelConfig {
  /** Layers of the ResNet. */
  depth: typeof DEPTHS[number];
  /** 3×3 stride 1 without pooling, or torchvision's 7×7 stride 2 with it. */
  stem: "cifar" | "imagenet";
  /** Channels of an image: 3. */
  channels: number;
  /** Channels of the stem and of the first stage: 64. */
  width: number;
  /** Width of the projector's hidden layers and of the features: 4096. */
  hidden: number;
  /** Width of the embedding z: 1024. */
  embedding: number;
  /** Padding of the 3×3 stem: 1, and 2 in solo-learn's networks. */
  stemPadding?: 1 | 2;
  /** What it is trained by; EMP-SSL where it is not given. */
  method?: MethodSettings;
}

/** An architecture: its model and the side in pixels of the patches it takes. */
export interface Architecture {
  /** See {@linkcode ModelConfig}. */
  model: ModelConfig;
  /** Side of a patch in pixels where the user names none. */
  patchSize: number;
}

const WIDTHS = {
  channels: 3,
  width: 64,
  hidden: 4096,
  embedding: 1024,
} as const;

/**
 * The name of an architecture: its depth, and the data that its stem and patches
 * are for.
 */
export type ArchitectureName = `resnet${typeof DEPTHS[number]}-${
  | "cifar"
  | "tinyimagenet"
  | "imagenet"}`;

/** Each depth with the stem and the patches of each kind of data. */
const named = DEPTHS.flatMap((depth): [ArchitectureName, Architecture][] => [
  [
    `resnet${depth}-cifar`,
    { model: { depth, stem: "cifar", ...WIDTHS }, patchSize: 32 },
  ],
  [
    `resnet${depth}-tinyimagenet`,
    { model: { depth, stem: "imagenet", ...WIDTHS }, patchSize: 32 },
  ],
  [
    `resnet${depth}-imagenet`,
    { model: { depth, stem: "imagenet", ...WIDTHS }, patchSize: 224 },
  ],
]);

/**
 * The architectures by the authors' names (ResNet-18), and the same with more
 * layers.
 */
export const ARCHITECTURES = Object.fromEntries(named) as Readonly<
  Record<ArchitectureName, Architecture>
>;

/** Whether an architecture is for photographs, and not for small images. */
export function isForPhotographs(name: string | undefined): boolean {
  return name?.endsWith("-imagenet") ?? false;
}

/**
 * Looks an architecture up.
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
  const found = Object.hasOwn(ARCHITECTURES, name)
    ? ARCHITECTURES[name as ArchitectureName]
    : undefined;
  if (found === undefined) {
    throw new EmpSslError({
      action: "build architecture",
      subject: `"${name}"`,
      found: "no such architecture",
      remedy: `choose one of ${Object.keys(ARCHITECTURES).join(", ")}`,
      code: "INVALID_ARGUMENT",
    });
  }
  return found;
}
