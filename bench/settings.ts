/**
 * The settings that are timed.
 *
 * @module
 */
import type { ArchitectureName } from "../src/model/architectures.ts";

/** What is trained, and on how much. */
export interface Setting {
  /** Its name in `--setting`. */
  name: string;
  /** The architecture. */
  arch: ArchitectureName;
  /** Images per step. */
  images: number;
  /** Patches per image. */
  patches: number;
  /** Side of a patch in pixels. */
  size: number;
}

/** The settings. */
export const SETTINGS: readonly Setting[] = [
  { name: "cifar", arch: "resnet18-cifar", images: 100, patches: 20, size: 32 },
  {
    name: "cifar-16",
    arch: "resnet18-cifar",
    images: 100,
    patches: 20,
    size: 16,
  },
  {
    name: "tiny-imagenet",
    arch: "resnet18-tinyimagenet",
    images: 100,
    patches: 20,
    size: 32,
  },
  {
    name: "imagenet",
    arch: "resnet18-imagenet",
    images: 10,
    patches: 4,
    size: 224,
  },
];

/** A setting in words, beginning with its name. */
export function describe({ name, images, patches, size }: Setting): string {
  return `${name}, ${images} × ${patches} × ${size}²`;
}

/** The flags that pass a setting to the programs in bench/programs and bench/peers. */
export function programFlags(
  { arch, images, patches, size }: Setting,
): string[] {
  return [
    ...["--arch", arch, "--images", `${images}`],
    ...["--patches", `${patches}`, "--size", `${size}`],
  ];
}
