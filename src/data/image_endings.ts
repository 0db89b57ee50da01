/**
 * The endings of image files, in lower case.
 *
 * @module
 */

/** Endings of files that hold images and nothing else. */
export const IMAGE_ENDINGS: readonly string[] = [
  ...[
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "png",
    "webp",
    "gif",
    "tif",
    "tiff",
    "avif",
  ],
  ...["bmp", "ppm", "pgm"],
];
