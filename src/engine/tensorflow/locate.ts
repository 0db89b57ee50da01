/**
 * Finds a binding that is ready to load.
 *
 * @module
 */
import { packageFolder } from "../../deps/tfjs_node.ts";
import { engineFolder, type Variant } from "./variant.ts";

/** The binding's file in a built engine's folder. */
export const BINDING_FILE = "tfjs_binding.node";

/** A binding, and where it came from. */
export interface LocatedBinding {
  /** The file. */
  path: string;
  /** Built by our set-up, or put there by the package's own installer. */
  origin: "set-up" | "package";
  /** What it was built for, where that is known. */
  variant?: Variant;
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((s) => s.isFile, () => false);
}

/**
 * The built engines that are in the cache, and then what the package's own
 * installer may have left, best first.
 *
 * @param variants The variants that will do, best first.
 */
export async function locateBindings(
  variants: readonly Variant[],
): Promise<LocatedBinding[]> {
  const found: LocatedBinding[] = [];
  for (const variant of variants) {
    const path = `${engineFolder(variant)}/${BINDING_FILE}`;
    if (await isFile(path)) found.push({ path, origin: "set-up", variant });
  }
  const path = `${await packageFolder()}/lib/napi-v8/${BINDING_FILE}`;
  if (await isFile(path)) found.push({ path, origin: "package" });
  return found;
}

/** Where the library that a binding runs on may lie. */
export function libraryPaths(binding: string): string[] {
  const folder = binding.slice(0, binding.lastIndexOf("/"));
  return [
    `${folder}/site/tensorflow/libtensorflow_cc.so.2`,
    `${folder}/../../deps/lib/libtensorflow.so.2`,
  ];
}
