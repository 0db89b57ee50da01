/**
 * Finds the TensorFlow libraries that are installed.
 *
 * @module
 */
import { writeAtomically } from "../../common/atomic_file.ts";
import { cacheFolder } from "../../common/cache.ts";
import { exists } from "../../common/files.ts";
import { engineFolder, libraryFile, type Variant } from "./wheels.ts";

/** An installed library. */
export interface InstalledLibrary {
  /** The file to load. */
  path: string;
  /** For the CPU, or with CUDA. */
  variant: Variant;
}

/**
 * The libraries in the cache folder, best first.
 *
 * @param variants The variants to look for, best first.
 */
export async function installedLibraries(
  variants: readonly Variant[],
): Promise<InstalledLibrary[]> {
  const found: InstalledLibrary[] = [];
  for (const variant of variants) {
    const path = libraryPath(variant);
    if (path !== undefined && await exists(path)) found.push({ path, variant });
  }
  return found;
}

/** The file with the variant that was set up by name. */
function choicePath(): string {
  return `${cacheFolder()}/variant`;
}

/** The variant that the user has set up by name, if any: the machine's counts else. */
export function chosenVariant(): Variant | undefined {
  try {
    const text = Deno.readTextFileSync(choicePath()).trim();
    return text === "cpu" || text === "gpu" ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the variant that the user has set up by name. */
export function keepChoice(variant: Variant): void {
  writeAtomically(choicePath(), `${variant}\n`);
}

/** The path of a variant's library once it is installed. */
function libraryPath(variant: Variant): string | undefined {
  const file = libraryFile();
  return file && `${engineFolder(variant)}/site/tensorflow/${file}`;
}
