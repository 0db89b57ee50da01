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

/** Endings of image files in formats that are not read: a search reports them. */
export const UNREADABLE_ENDINGS: readonly string[] = [
  ...["heic", "heif", "jxl", "jp2", "j2k", "psd", "exr", "hdr", "tga", "ico"],
  ...["dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "dcm", "nii"],
];
