/** A patch that is a copy of an image, to try one transform on. */
import { assertEquals } from "@std/assert";
import type { Image } from "../src/data/image.ts";
import type { PatchTransforms } from "../src/patches/transforms.ts";

/** Starts a patch of a square image, whole and in its own size. */
export function startWith(transforms: PatchTransforms, image: Image): void {
  const { width, height } = image;
  assertEquals(width, height);
  transforms.load(image);
  transforms.cropAndResize(
    { left: 0, top: 0, width, height },
    { size: width, interpolation: "bilinear" },
  );
}
