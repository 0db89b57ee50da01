/**
 * Finds the shards of a split by their usual names.
 *
 * @module
 */
import { basename } from "node:path";
import { errorMaker } from "../common/errors.ts";
import { whyNoFolder } from "../common/files.ts";
import type { Split } from "./dataset.ts";
import { isFolder } from "./image_files.ts";

/** The split in the name of a shard or of a folder of shards, as a whole word. */
const SPLIT_WORD =
  /(?:^|[-_.])(train(?:ing)?|val(?:id(?:ation)?)?|dev|eval(?:uation)?|test(?:ing)?)(?=\d|[-_.]|$)/;

/** The part of a data set that a name says; `none` for a name that says none. */
function partOf(name: string): "train" | "val" | "test" | "none" {
  const [, word = ""] = SPLIT_WORD.exec(name.toLowerCase()) ?? [];
  if (/^(dev|eval)/.test(word)) return "val";
  const parts = ["train", "val", "test"] as const;
  return parts.find((part) => word.startsWith(part)) ?? "none";
}

/** A kind of shards. */
export interface ShardKind {
  /** What they are, for messages: `WebDataset`. */
  name: string;
  /** Their file name extension, with its dot. */
  ending: string;
  /** A subfolder that may hold shards too. */
  below?: string;
}

/**
 * The shards of a split, sorted by path: `train-0001.tar`, `name-train-0001.tar`, or
 * all in `train/`. If there are none for training, shards whose names say no split are
 * used. Validation shards are preferred to test shards, which often have no labels.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no folder, or no shard in it.
 */
export async function findShards(
  dir: string,
  split: Split,
  kind: ShardKind,
): Promise<string[]> {
  const notFound = errorMaker(`open a ${kind.name} in`, "NOT_FOUND");
  const parts: Record<ReturnType<typeof partOf>, string[]> = {
    train: [],
    val: [],
    test: [],
    none: [],
  };
  const compressed: string[] = [];
  /** Searches a folder, or, at any depth, that of a part. */
  const search = async (folder: string, part?: keyof typeof parts) => {
    for await (const entry of Deno.readDir(folder)) {
      const { name } = entry, path = `${folder}/${name}`;
      // Deeper links are not followed: they may lead back.
      const isLink = part === undefined && entry.isSymlink;
      if (entry.isDirectory || isLink && await isFolder(path)) {
        if (part !== undefined) {
          if (!name.startsWith(".")) await search(path, part);
        } else if (name === kind.below && folder === dir) await search(path);
        else if (partOf(name) !== "none") await search(path, partOf(name));
      } else if (isCompressed(name, kind)) compressed.push(path);
      else if (isShard(name, kind)) {
        parts[part ?? partOf(name.slice(0, -kind.ending.length))].push(path);
      }
    }
  };
  try {
    await search(dir);
  } catch {
    throw notFound(dir, await whyNoFolder(dir), "name one with --data-dir");
  }
  if (compressed.length > 0) {
    throw errorMaker(`open a ${kind.name} in`, "INVALID_DATA")(
      dir,
      `it has compressed shards, such as ${compressed[0]}`,
      "unpack them to .tar: images are read in place",
    );
  }
  const names = split === "train"
    ? ["train", "none"] as const
    : ["val", "test"] as const;
  const found = names.map((part) => parts[part]).find((p) => p.length > 0);
  if (found !== undefined) return found.sort();
  const below = await folderOfShards(dir, names, kind);
  if (below !== undefined) {
    throw notFound(
      dir,
      `no ${split} shard in it, and some in its folder ${basename(below)}`,
      `give --data-dir ${below}`,
    );
  }
  const name = `${split === "train" ? "train" : "val"}-0000${kind.ending}`;
  throw notFound(
    dir,
    `no ${split} shard in it`,
    `name shards ${name} and so on`,
  );
}

/**
 * A folder in `dir` that was not searched and has shards of some parts: the Hub keeps each
 * configuration of a data set in its own.
 */
async function folderOfShards(
  dir: string,
  parts: readonly string[],
  kind: ShardKind,
): Promise<string | undefined> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const isSearched = name === kind.below || partOf(name) !== "none";
    if (!isDirectory || isSearched || name.startsWith(".")) continue;
    try {
      for await (const inside of Deno.readDir(`${dir}/${name}`)) {
        const part = partOf(inside.name.slice(0, -kind.ending.length));
        if (isShard(inside.name, kind) && parts.includes(part)) {
          return `${dir}/${name}`;
        }
      }
    } catch {
      // It may not be read.
    }
  }
  return undefined;
}

/** Whether a file is a compressed archive of shards that are tar archives. */
function isCompressed(name: string, { ending }: ShardKind): boolean {
  return ending === ".tar" && !name.startsWith(".") &&
    /\.(tar\.(gz|bz2|xz|zst)|tgz)$/i.test(name);
}

/** Whether a file is a shard; macOS adds `._name` beside `name`, which is none. */
function isShard(name: string, { ending }: ShardKind): boolean {
  return !name.startsWith(".") && name.toLowerCase().endsWith(ending);
}
