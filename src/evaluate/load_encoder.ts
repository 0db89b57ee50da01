/**
 * A trained encoder in a program of the user's own.
 *
 * @module
 */
import type {
  EngineChoice,
  FeatureEncoder,
  PrecisionChoice,
} from "../engine/engine.ts";
import { loadEngine } from "../engine/load.ts";
import { EmpSslError } from "../errors.ts";
import type { RecipeChoice } from "../patches/recipe.ts";
import { readCheckpoint } from "../checkpoint/checkpoint.ts";

/** Which encoder, and how many patches it gets at a time. */
export interface LoadEncoderOptions {
  /** A checkpoint, or a run's folder. */
  modelPath: string;
  /** Images a call: 1. */
  images?: number;
  /** Patches of each image, whose features are averaged: 1. */
  patches?: number;
  /** Side of a patch in pixels; that of the run where it is not given. */
  patchSize?: number;
  /** What runs it: the best that works. */
  engine?: EngineChoice;
  /** Number format of convolutions and dense layers: the faster. */
  precision?: PrecisionChoice;
}

/** An encoder, and the patches that it takes. */
export interface LoadedEncoder extends FeatureEncoder {
  /** How its run cut patches: what `PatchStream` has to be given. */
  readonly recipe: RecipeChoice;
  /** Images a call. */
  readonly images: number;
  /** Patches of each image. */
  readonly patches: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
}

/**
 * Loads a trained encoder into this thread: patches in, features out (paper,
 * section 4.1: the features before the projector). For whole folders `embed`
 * is faster, since it cuts the patches in threads of their own.
 *
 * @param options The checkpoint; the rest has the defaults that stand there.
 * @returns The encoder: `encode` takes `patches × images × side × side × 3`
 * bytes, RGB, patch-major, as `PatchStream` gives them.
 * @throws {EmpSslError} `NOT_FOUND` or `INVALID_CHECKPOINT`;
 * `INVALID_ARGUMENT` for a count that is none; `ENGINE_UNAVAILABLE`.
 *
 * @example One grey patch
 * ```ts ignore
 * import { loadEncoder } from "./mod.ts";
 *
 * const encoder = await loadEncoder({ modelPath: "runs/shapes-1" });
 * const { patchSize: side, width } = encoder;
 * const feature = await encoder.encode(new Uint8Array(side * side * 3).fill(127));
 * console.assert(feature.length === width);
 * encoder.dispose();
 * ```
 */
export async function loadEncoder(
  options: LoadEncoderOptions,
): Promise<LoadedEncoder> {
  const { modelPath, images = 1, patches = 1 } = options;
  const { engine = "auto", precision = "auto" } = options;
  const { model, config, state } = readCheckpoint(modelPath);
  const patchSize = options.patchSize ?? config.patchSize;
  for (const [name, value] of Object.entries({ images, patches, patchSize })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new EmpSslError({
      action: "encode",
      subject: `${name} ${value}`,
      found: "it is not a count",
      remedy: "give a whole number from 1 up",
      code: "INVALID_ARGUMENT",
    });
  }
  const loaded = await loadEngine({ engine, precision });
  const size = { images, patches, patchSize };
  const encoder = await loaded.encoder({ model, ...size }, state);
  return {
    recipe: config.recipe,
    images,
    patches,
    patchSize,
    width: encoder.width,
    encode: (bytes) => encoder.encode(bytes),
    dispose: () => encoder.dispose(),
  };
}
