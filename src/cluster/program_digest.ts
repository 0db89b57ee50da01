/**
 * A digest of the program itself, so that processes of different checkouts do not train
 * together.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fromFileUrl } from "../deps/std.ts";

/** The folders whose files compute a run. */
const FOLDERS = ["src", "workers"];

/**
 * A digest of the program's files; undefined where it runs from a URL, or may not read
 * them.
 */
export function programDigest(): string | undefined {
  const root = new URL("../../", import.meta.url);
  if (root.protocol !== "file:") return undefined;
  try {
    const hash = createHash("sha256");
    for (const path of FOLDERS.flatMap((dir) => filesUnder(dir, root))) {
      hash.update(`${path}\n`).update(Deno.readFileSync(new URL(path, root)));
    }
    return hash.digest("hex").slice(0, 16);
  } catch {
    return undefined;
  }
}

/** The files under a folder, relative to the root, in a fixed order. */
function filesUnder(dir: string, root: URL): string[] {
  const entries = [...Deno.readDirSync(fromFileUrl(new URL(dir, root)))]
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) =>
    isDirectory ? filesUnder(`${dir}/${name}`, root) : [`${dir}/${name}`]
  );
}
