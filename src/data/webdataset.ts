/**
 * Shards of a WebDataset: tar archives in which files of one name, up to its first dot,
 * are a sample, such as `0001.jpg` and `0001.cls`. Nothing is unpacked: the tar headers
 * give the offset of each image, where it is read, in the fully shuffled order of an
 * epoch.
 *
 * @module
 */
import { errorMaker, messageOf } from "../common/errors.ts";
import { breathe, readAtSync } from "../common/files.ts";
import { classIndices, classNames } from "./class_names.ts";
import type { Dataset, SharedData, Split } from "./dataset.ts";
import { decodeBytes } from "./decode.ts";
import { findShards } from "./find_shards.ts";
import { type Image, type PixelFormat, RGB } from "./image.ts";
import { IMAGE_ENDINGS } from "./image_endings.ts";
import type { Search } from "./image_files.ts";
import type { ShardTable } from "./shard_table.ts";
import { sharedFloat64, sharedUint32 } from "./shared_numbers.ts";
import { type TarMember, tarMembers } from "./tar_members.ts";

const invalidData = errorMaker("open a WebDataset in", "INVALID_DATA");
const readError = errorMaker("read", "INVALID_DATA");

/** Maximum number of shards that a thread keeps open. */
const OPEN = 64;

/** Images in shards; see the module's description. */
export class ShardImages implements Dataset {
  readonly name = "webdataset";
  readonly length: number;
  readonly classes: readonly string[];
  readonly #table: ShardTable;
  #pixels = RGB;
  readonly #files = new Map<number, Deno.FsFile>();

  /** For images that are known to exist. */
  constructor(classes: readonly string[], table: ShardTable) {
    this.classes = classes;
    this.#table = table;
    this.length = table.shard.length;
  }

  /** See {@linkcode Dataset.share}. */
  share(): SharedData {
    return { kind: "shards", classes: this.classes, table: this.#table };
  }

  /** See {@linkcode Dataset.decodeAs}. */
  decodeAs(pixels: PixelFormat): void {
    this.#pixels = pixels;
  }

  /** See {@linkcode Dataset.label}. */
  label(index: number): number {
    return this.#table.labels[index]!;
  }

  /** See {@linkcode Dataset.describe}. */
  describe(index: number): string {
    const { shards, shard, offset } = this.#table;
    return `byte ${offset[index]} of ${shards[shard[index]!]}`;
  }

  /** See {@linkcode Dataset.image}. */
  async image(index: number): Promise<Image> {
    const { shard, offset, size } = this.#table;
    const bytes = new Uint8Array(size[index]!);
    const file = this.#open(shard[index]!);
    if (readAtSync(file, offset[index]!, bytes) < bytes.length) {
      throw readError(
        this.describe(index),
        "the file is shorter than it was when the run began",
        "put the shard back",
      );
    }
    const pixels = this.#pixels;
    return await decodeBytes(bytes, this.describe(index), { pixels });
  }

  #open(shard: number): Deno.FsFile {
    const file = this.#files.get(shard) ??
      Deno.openSync(this.#table.shards[shard]!);
    this.#files.delete(shard);
    this.#files.set(shard, file);
    if (this.#files.size > OPEN) {
      const [oldest, unused] = this.#files.entries().next().value!;
      this.#files.delete(oldest);
      unused.close();
    }
    return file;
  }
}

/** Splits a path at the first dot of the file name, as WebDataset does. */
function keyOf(name: string): [key: string, extension: string] {
  const dot = name.indexOf(".", name.lastIndexOf("/") + 1);
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** Members between two yields to the event loop. */
const BREATH = 4096;

const decoder = new TextDecoder();

/** The class of a sample: the text of `.cls`, or a field of `.json`. */
function classOf(extension: string, text: string): string | undefined {
  if (extension === "cls") return text.trim() || undefined;
  let json: Record<string, unknown> | null;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const found = json?.label ?? json?.cls ?? json?.class ?? "";
  // A list or an object, as of a detection, is no class.
  return typeof found === "object"
    ? undefined
    : String(found).trim() || undefined;
}

/**
 * Opens the shards of a split: `train-*.tar` and `val-*.tar` (or `test-*.tar`), or
 * all in folders of such names. Labels are optional: a number or a name in `.cls`, or
 * `label`, `cls` or `class` in `.json`.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no shard; `INVALID_DATA` for a
 * file that is no tar archive, or where only some samples have labels.
 */
export async function openWebdataset(
  { dir, split, onFound }: { dir: string; split: Split } & Search,
): Promise<Dataset> {
  const kind = { name: "WebDataset", ending: ".tar" };
  const shards = await findShards(dir, split, kind);
  const shard: number[] = [], offset: number[] = [], size: number[] = [];
  const classes: (string | undefined)[] = [];
  let members = 0;
  /** Samples whose only image has more before its ending, as `1.crop.jpg`. */
  const withDots: { count: number; name?: string } = { count: 0 };
  for (const [at, path] of shards.entries()) {
    let key = "", image: TarMember | undefined, label: string | undefined;
    let array: TarMember | undefined, dotted: string | undefined;
    const extensions = new Set<string>();
    const end = () => {
      image ??= array;
      if (image === undefined && dotted !== undefined) {
        withDots.count++;
        withDots.name ??= dotted;
      }
      if (image !== undefined) {
        shard.push(at);
        offset.push(image.offset);
        size.push(image.size);
        classes.push(label);
        onFound?.(shard.length);
      }
      image =
        array =
        label =
        dotted =
          undefined;
      extensions.clear();
    };
    try {
      for (const member of tarMembers(path)) {
        if (++members % BREATH === 0) await breathe();
        // macOS adds `._name` beside `name`; WebDataset skips such names too.
        if (/(^|\/)\.[^/]*$/.test(member.name)) continue;
        const [own, written] = keyOf(member.name);
        const extension = written.toLowerCase();
        if (own !== key) end();
        key = own;
        if (extensions.has(extension)) {
          throw invalidData(
            path,
            `it has ${member.name} twice in a sample`,
            "give each sample a name of its own",
          );
        }
        extensions.add(extension);
        // A `.npy` beside an image is not an image but, for example, an embedding.
        if (extension === "npy") array ??= member;
        else if (IMAGE_ENDINGS.includes(extension)) image ??= member;
        else if (IMAGE_ENDINGS.includes(extension.split(".").at(-1)!)) {
          dotted ??= member.name;
        } else if (extension === "cls" || extension === "json") {
          label ??= classOf(extension, decoder.decode(member.read()));
        }
      }
      end();
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) {
        throw invalidData(path, messageOf(error), "make it readable");
      }
      throw error;
    }
  }
  if (withDots.count > 0) {
    throw invalidData(
      dir,
      `${withDots.count} samples have no image but one such as ` +
        `${withDots.name}: the name of a sample ends at the first dot`,
      "rename the files so that only their endings have a dot",
    );
  }
  if (shard.length === 0) {
    throw invalidData(dir, `no image in its ${split} shards`, "add images");
  }
  const labelled = classes.filter((name) => name !== undefined);
  if (labelled.length > 0 && labelled.length < classes.length) {
    const without = classes.length - labelled.length;
    throw invalidData(
      dir,
      `${without} of ${classes.length} samples have no .cls and no label in .json`,
      "give labels to all of them or to none",
    );
  }
  const names = classNames(labelled);
  return new ShardImages(names, {
    shards,
    shard: sharedUint32(shard),
    offset: sharedFloat64(offset),
    size: sharedUint32(size),
    labels: sharedUint32(classIndices(classes, names)),
  });
}
