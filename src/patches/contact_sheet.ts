/**
 * An image and its patches side by side, for display.
 *
 * @module
 */
import { formatOf, type Image, toDisplay } from "../data/image.ts";
import { Purpose, RandomStream } from "../common/random.ts";
import { cutPatch, type Recipe } from "./recipe.ts";
import type { PatchTransforms } from "./transforms.ts";

/** What to draw. */
export interface ContactSheetOptions {
  /** How patches are cut: by one recipe, or by one for each view in turn. */
  recipe: Recipe | readonly Recipe[];
  /** Side of a patch in pixels. */
  size: number;
  /** How many patches. */
  patches: number;
  /** The seed; together with `index` it determines the patches. */
  seed: number;
  /** The image's index in the data set. */
  index: number;
  /** The implementation of the transforms. */
  transforms: PatchTransforms;
}

const GAP = 2;
const BACKGROUND = 255;

/**
 * Draws a sheet: first the image (its central square, resized to two by two patches),
 * then the patches that training would cut from it in epoch 0.
 *
 * @example The sheet of a grey image
 * ```ts
 * import { contactSheet } from "./contact_sheet.ts";
 * import { RECIPES } from "./recipe.ts";
 * import { createTransforms } from "./create_transforms.ts";
 *
 * const image = { width: 32, height: 32, data: new Uint8Array(3072) };
 * const sheet = contactSheet(image, {
 *   recipe: RECIPES.cifar,
 *   size: 32,
 *   patches: 6,
 *   seed: 0,
 *   index: 0,
 *   transforms: await createTransforms(),
 * });
 * console.assert(sheet.data.length === sheet.width * sheet.height * 3);
 * ```
 */
export function contactSheet(
  image: Image,
  { recipe, size, patches, seed, index, transforms }: ContactSheetOptions,
): Image {
  const cell = size + GAP;
  const columns = Math.max(1, Math.ceil(Math.sqrt(patches * 2)));
  const rows = Math.max(2, Math.ceil(patches / columns));
  const width = 2 * cell + columns * cell + GAP;
  const height = rows * cell + GAP;
  const data = new Uint8Array(width * height * 3).fill(BACKGROUND);
  const { channels } = formatOf(image);
  const paste = (side: number, left: number, top: number) => {
    const patch = {
      width: side,
      height: side,
      channels,
      data: transforms.patch,
    };
    const from = toDisplay(patch).data;
    for (let y = 0; y < side; y++) {
      const row = from.subarray(y * side * 3, (y + 1) * side * 3);
      data.set(row, ((top + y) * width + left) * 3);
    }
  };
  const side = 2 * size + GAP;
  const square = Math.min(image.width, image.height);
  transforms.load(image);
  transforms.cropAndResize(
    {
      left: (image.width - square) >> 1,
      top: (image.height - square) >> 1,
      width: square,
      height: square,
    },
    { size: side, interpolation: "bicubic" },
  );
  paste(side, GAP, GAP);
  const recipes = [recipe].flat();
  for (let i = 0; i < patches; i++) {
    const at = [0, index, i];
    const random = new RandomStream({ seed, purpose: Purpose.patch, at });
    const own = recipes[i % recipes.length]!;
    cutPatch(image, { recipe: own, size, transforms }, random);
    const column = i % columns, row = Math.floor(i / columns);
    paste(size, (2 + column) * cell + GAP, row * cell + GAP);
  }
  return { width, height, data };
}
