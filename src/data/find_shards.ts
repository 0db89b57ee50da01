/**
 * Finds the shards of a split by their usual names.
 *
 * @module
 */
import { errorMaker } from "../errors.ts";
import { whyNoFolder } from "../files.ts";
import type { Split } from "./dataset.ts";

/** Names of shards of a split, or of the folder that holds them. */
const SPLITS: Record<Split, RegExp> = {
  train: /^train(ing)?([-_.].*)?$/i,
  test: /^(val(id(ation)?)?|test(ing)?)([-_.].*)?$/i,
};

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
 * The shards of a split, sorted by path: `train-0001.tar`, or all in `train/`. If
 * there are none for training, shards whose names say no split are used. Validation
 * shards are preferred to test shards, which often have no labels.
 *
 * @throws {EmpSslError} `NOT_FOUND` where there is no folder, or no shard in it.
 */
export async function findShards(
  dir: string,
  split: Split,
  kind: ShardKind,
): Promise<string[]> {
  const notFound = errorMaker(`open a ${kind.name} in`, "NOT_FOUND");
  const found: string[] = [], others: string[] = [];
  const search = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory && name === kind.below && folder === dir) {
        await search(`${folder}/${name}`);
      } else if (isDirectory && SPLITS[split].test(name)) {
        for await (const inner of Deno.readDir(`${folder}/${name}`)) {
          if (endsIn(inner.name, kind)) {
            found.push(`${folder}/${name}/${inner.name}`);
          }
        }
      } else if (endsIn(name, kind)) {
        const stem = name.slice(0, -kind.ending.length);
        if (SPLITS[split].test(stem)) found.push(`${folder}/${name}`);
        else if (!SPLITS.test.test(stem)) others.push(`${folder}/${name}`);
      }
    }
  };
  try {
    await search(dir);
  } catch {
    throw notFound(dir, await whyNoFolder(dir), "name one with --data-dir");
  }
  if (found.length > 0) return preferred(found.sort(), dir);
  if (split === "train" && others.length > 0) return others.sort();
  const name = `${split === "train" ? "train" : "val"}-0000${kind.ending}`;
  throw notFound(
    dir,
    `no ${split} shard in it`,
    `name shards ${name} and so on`,
  );
}

/** The validation shards if there are any, else all. */
function preferred(shards: string[], dir: string): string[] {
  const validation = shards.filter((path) =>
    /^\/(data\/)?val/i.test(path.slice(dir.length))
  );
  return validation.length > 0 ? validation : shards;
}

function endsIn(name: string, { ending }: ShardKind): boolean {
  return name.toLowerCase().endsWith(ending);
}
