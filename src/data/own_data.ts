/**
 * A user's own data: a module whose default export opens a split. Each thread
 * imports the module itself, so nothing has to be sent between threads.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { errorMaker, isEmpSslError, messageOf } from "../common/errors.ts";
import type { DataOptions, Dataset, Split } from "./dataset.ts";
import { decodeBytes } from "./decode.ts";
import { fromFileUrl } from "../deps/std.ts";
import { isFolder } from "./image_files.ts";
import {
  FORMAT_REMEDY,
  formatName,
  formatOf,
  type Image,
  isComplete,
  isFormat,
  MAX_CHANNELS,
  type PixelFormat,
  RGB,
  toFormat,
} from "./image.ts";

/** The interface of a user's data set; the rest of `Dataset` is filled in. */
export interface OwnDataset {
  /** How many images there are. */
  length: number;
  /** The names of the classes; without them, there are no labels. */
  classes?: readonly string[];
  /** The class of an image: an index into `classes`. */
  label?(index: number): number;
  /** Pixel format of its images: RGB bytes where it is not given. */
  pixels?: PixelFormat;
  /** Name of an image for messages. */
  describe?(index: number): string;
  /**
   * One image: the bytes of a file (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP, PPM, PGM,
   * `.npy`), or its pixels.
   */
  image(index: number): Promise<Uint8Array | Image> | Uint8Array | Image;
}

/** The default export of a user's module. */
export type OpenOwnData = (
  request: { split: Split; options: DataOptions },
) => Promise<OwnDataset> | OwnDataset;

/**
 * Whether a data set's name is the path or URL of a module.
 *
 * @example A name and three addresses
 * ```ts
 * import { isModule } from "./own_data.ts";
 *
 * console.assert(!isModule("cifar10") && isModule("./mine.ts"));
 * console.assert(isModule("https://example.com/data.js") && isModule("mine.ts"));
 * ```
 */
export function isModule(name: string): boolean {
  return /^\.{0,2}\/|^[a-z]+:|\.[cm]?[jt]s$/.test(name);
}

/** The absolute URL of a module. */
export function moduleUrl(name: string): string {
  return /^[a-z]+:/.test(name) ? name : pathToFileURL(resolve(name)).href;
}

/** Short name of a module, for messages and folders: `mine` of `/data/mine.ts`. */
export function moduleName(name: string): string {
  const [, base] = /([^/]+?)(?:\.[cm]?[jt]s)?(?:[?#].*)?$/.exec(name) ?? [];
  return base ?? name;
}

/** The short name of a run's data: that of a data set, or of a module. */
export function dataName(data: string): string {
  return isModule(data) ? moduleName(data) : data;
}

const refuse = errorMaker("use the data of", "INVALID_DATA");
const importError = errorMaker("import the data module", "NOT_FOUND");

/** The values of a canvas's image, which has another type, as bytes. */
function asBytes(data: Image["data"] | Uint8ClampedArray): Image["data"] {
  return data instanceof Uint8ClampedArray
    ? new Uint8Array(data.buffer, data.byteOffset, data.length)
    : data;
}

/** Checks that an image has all its values, in the data set's pixel format. */
function checkPixels(
  image: Image,
  { name, url, pixels }: { name: string; url: string; pixels: PixelFormat },
): Image {
  const { width, height, channels = pixels.channels } = image ?? {};
  const data = asBytes(image?.data);
  const whole = { width, height, data, channels };
  if (isComplete(whole)) {
    const found = formatOf(whole);
    if (isFormat(found, pixels)) return whole;
    throw refuse(
      url,
      `${name} has ${formatName(found)}`,
      `return ${formatName(pixels)}, or set the data set's "pixels"`,
    );
  }
  throw refuse(
    url,
    width === undefined && height === undefined
      ? `${name} is neither a Uint8Array nor an image`
      : `${name} is ${width} × ${height} with ${data?.length ?? "no"} numbers` +
        ` in ${data?.constructor?.name ?? "no array"}`,
    "give the bytes of an image file, or { width, height, data } with " +
      `width × height × ${channels} numbers in a Uint8Array or Uint16Array`,
  );
}

/** A user's data set with the full `Dataset` interface. */
class OwnData implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly classes: readonly string[];
  readonly pixels: PixelFormat;
  #decodeAs: PixelFormat;
  readonly #own: OwnDataset;
  readonly #url: string;

  constructor(own: OwnDataset, url: string) {
    this.#own = own;
    this.#url = url;
    this.name = moduleName(url);
    this.length = own.length;
    this.classes = own.classes ?? [];
    this.pixels = this.#decodeAs = own.pixels ?? RGB;
  }

  #failed(name: string, index: number, error: unknown): unknown {
    if (isEmpSslError(error)) return error;
    const found = `${name}(${index}) failed: ${
      messageOf(error).split("\n")[0]
    }`;
    return refuse(this.#url, found, "fix the module", error);
  }

  /** The result of one of the user's functions. */
  #call<T>(name: string, index: number, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#failed(name, index, error);
    }
  }

  label(index: number): number {
    if (this.classes.length === 0) return 0;
    const label = this.#call("label", index, () => this.#own.label!(index));
    if (
      Number.isInteger(label) && label >= 0 && label < this.classes.length
    ) return label;
    throw refuse(
      this.#url,
      `the label of ${this.describe(index)} is ${label}`,
      `give an index into its ${this.classes.length} classes`,
    );
  }

  describe(index: number): string {
    const own = () => this.#own.describe?.(index);
    const name = this.#call("describe", index, own) ??
      `image ${index} of ${this.name}`;
    if (typeof name === "string") return name;
    const found = `describe(${index}) gives ${JSON.stringify(name)}`;
    throw refuse(this.#url, found, "give a string");
  }

  decodeAs(pixels: PixelFormat): void {
    this.#decodeAs = pixels;
  }

  async image(index: number): Promise<Image> {
    const name = this.describe(index);
    let found: Image | Uint8Array;
    try {
      found = await this.#own.image(index);
    } catch (error) {
      throw this.#failed("image", index, error);
    }
    const pixels = this.#decodeAs, url = this.#url;
    if (found instanceof Uint8Array) {
      return await decodeBytes(found, name, { pixels });
    }
    const image = checkPixels(found, { name, url, pixels: this.pixels });
    try {
      return toFormat(image, pixels);
    } catch (error) {
      throw refuse(
        url,
        `${name}: ${messageOf(error)}`,
        FORMAT_REMEDY,
      );
    }
  }
}

/** Why this is not a valid data set; undefined if it is one. */
function faultOf(own: OwnDataset): string | undefined {
  if (typeof own !== "object" || own === null) {
    return "open() did not return an object";
  }
  if (!Number.isInteger(own.length) || own.length < 1) {
    return `its length is ${JSON.stringify(own.length) ?? "missing"}`;
  }
  if (typeof own.image !== "function") return "it has no image(index)";
  const { classes = [], pixels = RGB } = own;
  const { channels, bits } = pixels ?? {};
  const inRange = Number.isInteger(channels) && channels >= 1 &&
    channels <= MAX_CHANNELS;
  if (!inRange || bits !== 8 && bits !== 16) {
    return `its pixels have ${channels} channels of ${bits} bits`;
  }
  if (!Array.isArray(classes) || classes.some((c) => typeof c !== "string")) {
    return "its classes are not a list of names";
  }
  return classes.length > 0 && typeof own.label !== "function"
    ? "it has classes but no label(index)"
    : undefined;
}

/**
 * Opens a split of a user's data.
 *
 * @param url The module, by {@linkcode moduleUrl}.
 * @param request Which split, and the module's own options.
 * @throws {EmpSslError} `NOT_FOUND` where the module cannot be imported;
 * `INVALID_DATA` where its export does not open a valid data set.
 */
export async function openOwnData(
  url: string,
  { split, options = {} }: { split: Split; options?: DataOptions },
): Promise<Dataset> {
  let module: { default?: unknown };
  try {
    module = await import(url);
  } catch (error) {
    const path = url.startsWith("file:") ? fromFileUrl(url) : undefined;
    if (path !== undefined && await isFolder(path)) {
      const remedy = `give --data folder --data-dir ${path}`;
      throw importError(url, "it is a folder", remedy, error);
    }
    throw importError(
      url,
      messageOf(error).split("\n")[0]!,
      "check its address, its syntax, and that Deno may read or import it",
      error,
    );
  }
  const open = module.default;
  const wanted = "write export default function open({ split, options })";
  if (typeof open !== "function") {
    throw refuse(url, "its default export is not a function", wanted);
  }
  try {
    const own = await (open as OpenOwnData)({ split, options });
    const fault = faultOf(own);
    if (fault === undefined) return new OwnData(own, url);
    throw refuse(url, fault, "return { length, classes?, label?, image }");
  } catch (error) {
    if (isEmpSslError(error)) throw error;
    const found = `opening ${split} failed: ${messageOf(error).split("\n")[0]}`;
    throw refuse(url, found, "fix the module or its options", error);
  }
}
