/**
 * The paper's settings, at which everything is timed.
 *
 * @module
 */
import type { ArchitectureName } from "../src/model/architectures.ts";

/** What is trained, and on how much. */
export interface Setting {
  /** By which `--setting` it is chosen. */
  name: string;
  /** One of the architectures. */
  arch: ArchitectureName;
  /** Images a step. */
  images: number;
  /** Patches an image. */
  patches: number;
  /** Side of a patch in pixels. */
  size: number;
}

/** The settings by name. */
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

/** A setting in words: its name first. */
export function describe({ name, images, patches, size }: Setting): string {
  return `${name}, ${images} × ${patches} × ${size}²`;
}

/** The flags by which the programs of the bench know a setting. */
export function programFlags(
  { arch, images, patches, size }: Setting,
): string[] {
  return [
    ...["--arch", arch, "--images", `${images}`],
    ...["--patches", `${patches}`, "--size", `${size}`],
  ];
}
