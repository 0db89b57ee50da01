/**
 * The defaults of a run that depend on its data set.
 *
 * @module
 */
import type { TrainConfig } from "../checkpoint/run_config.ts";
import type { ArchitectureName } from "../model/architectures.ts";

/** The names of the presets. */
export type PresetName = "paper" | "fast";

/** What is otherwise for one data set. */
export interface DataDefaults {
  /** Its architecture; without one the size of its first image decides. */
  arch?: ArchitectureName;
  /** Side of a patch in pixels, where it is not the architecture's. */
  patchSize?: number;
  /** Choices of a run by any method. */
  choices?: Pick<TrainConfig, "epoch" | "bs">;
  /** The preset of a run by EMP-SSL that names none, where it is not `paper`. */
  preset?: PresetName;
  /** What a preset has otherwise. */
  presets?: Partial<Record<PresetName, Partial<TrainConfig>>>;
}

const DEFAULTS: Readonly<Record<string, DataDefaults>> = {
  shapes: {
    arch: "resnet18-cifar",
    patchSize: 16,
    // Small, so that a first run takes only minutes.
    choices: { epoch: 1, bs: 20 },
  },
  cifar10: { arch: "resnet18-cifar" },
  cifar100: { arch: "resnet18-cifar" },
  "cifar100-coarse": { arch: "resnet18-cifar" },
  tinyimagenet: {
    // The best that was measured on all its images: docs/results.md.
    arch: "resnet18-tinyimagenet",
    preset: "fast",
    presets: {
      // The authors' code enlarges the crops of these images to 224 pixels.
      paper: { arch: "resnet18-imagenet" },
      // The architecture's own size.
      fast: { arch: "resnet18-tinyimagenet", patchSize: undefined },
    },
  },
  imagenet100: { arch: "resnet18-imagenet" },
};

/**
 * The defaults of a data set; none for folders and the user's own data.
 *
 * @example The authors' transform for Tiny ImageNet
 * ```ts
 * import { dataDefaults } from "./data_defaults.ts";
 *
 * console.assert(
 *   dataDefaults("tinyimagenet").presets?.paper?.arch === "resnet18-imagenet",
 * );
 * ```
 */
export function dataDefaults(name: string): DataDefaults {
  return Object.hasOwn(DEFAULTS, name) ? DEFAULTS[name]! : {};
}
