/**
 * The architectures by the authors' names, and the numbers that make a model.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";

/** The numbers that a model is built from. */
export interface ModelConfig {
  /** 3×3 stride 1 without pooling, or torchvision's 7×7 stride 2 with it. */
  stem: "cifar" | "imagenet";
  /** Channels of the first stage: 64 in ResNet-18. */
  width: number;
  /** Width of the projector's hidden layers and of the features: 4096. */
  hidden: number;
  /** Width of the embedding z: 1024. */
  embedding: number;
}

/** An architecture: its model and the side in pixels of the patches it takes. */
export interface Architecture {
  /** See {@linkcode ModelConfig}. */
  model: ModelConfig;
  /** Side of a patch in pixels where the user names none. */
  patchSize: number;
}

const RESNET18 = { width: 64, hidden: 4096, embedding: 1024 } as const;

/** The architectures by the authors' names. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  "resnet18-cifar": {
    model: { stem: "cifar", ...RESNET18 },
    patchSize: 32,
  },
  "resnet18-tinyimagenet": {
    model: { stem: "imagenet", ...RESNET18 },
    patchSize: 32,
  },
  "resnet18-imagenet": {
    model: { stem: "imagenet", ...RESNET18 },
    patchSize: 224,
  },
};

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
  const found = ARCHITECTURES[name];
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
