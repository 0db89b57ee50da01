/**
 * Loads a trained encoder for use in a user's program.
 *
 * @module
 */
import {
  checkWish,
  type EngineChoice,
  type EngineReport,
  type FeatureEncoder,
  type PrecisionChoice,
} from "../engine/engine.ts";
import { inTurn } from "../engine/in_turn.ts";
import { loadEngine } from "../engine/load.ts";
import { checkNames, type NamesOf } from "../common/choice_names.ts";
import { checkCount } from "../common/count.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import { decodeBytes, decodeFile } from "../data/decode.ts";
import {
  type Image,
  isComplete,
  type PixelFormat,
  samples,
  toFormat,
} from "../data/image.ts";
import { createTransforms } from "../patches/create_transforms.ts";
import type { FeatureLayer, Protocol } from "../model/methods/method.ts";
import { methodOf } from "../model/methods/methods.ts";
import {
  cutPatch,
  cutWhole,
  type RecipeChoice,
  recipeOf,
} from "../patches/recipe.ts";
import { Purpose, RandomStream } from "../common/random.ts";
import { pixelsOf, trainSource, valuesOf } from "../checkpoint/run_config.ts";
import { checkKind, noBag } from "./check_evaluation.ts";
import { readCheckpoint } from "../checkpoint/checkpoint.ts";

/** Which encoder to load, and the patches that it gets. */
export interface LoadEncoderOptions {
  /** A checkpoint, or a run's folder. */
  modelPath: string;
  /** Images per call: 1 by default. */
  images?: number;
  /**
   * Patches per image, whose features are averaged: 1 by default. The paper's evaluation
   * uses 128; 16 are nearly as good.
   */
  patches?: number;
  /** Side of a patch in pixels; the run's where it is not given. */
  patchSize?: number;
  /**
   * A bag of patches, or the whole image. Where it is not given: a bag if `patches` is
   * given, else what the run's method uses.
   */
  protocol?: Protocol;
  /** The feature layer: the method's own by default. */
  features?: FeatureLayer;
  /** The engine: the best available one by default. */
  engine?: EngineChoice;
  /** Number format of convolutions and dense layers: the faster one by default. */
  precision?: PrecisionChoice;
  /**
   * Threads of the engine: all cores by default. A process has one number of them, that
   * of its first engine.
   */
  threads?: number;
}

const NAMES: NamesOf<LoadEncoderOptions> = {
  modelPath: true,
  images: true,
  patches: true,
  patchSize: true,
  protocol: true,
  features: true,
  engine: true,
  precision: true,
  threads: true,
};

/**
 * A loaded encoder, and the patches that it takes. TensorFlow computes in threads of its
 * own, and reads the bytes that `encode` is given while it computes: do not change them
 * before the call resolves. The other engines block this thread: a server should load
 * them in a worker.
 * Dispose of it when no call is running.
 */
export interface LoadedEncoder extends FeatureEncoder, Disposable {
  /** The checkpoint's file. */
  readonly checkpoint: string;
  /** After how many steps it was written. */
  readonly step: number;
  /** Newer checkpoints that are damaged: what is wrong with each. */
  readonly damaged: readonly string[];
  /** How its run cut patches, to be given to `PatchStream`. */
  readonly recipe: RecipeChoice;
  /** Pixel format of its images. */
  readonly pixels: PixelFormat;
  /**
   * The shorter side to which the cache of its run shrank large images, as `embed` shrinks
   * files and bytes; undefined for a run without a cache.
   */
  readonly shrinkTo: number | undefined;
  /** Images per call. */
  readonly images: number;
  /** Patches per image. */
  readonly patches: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** The engine; its `warning` says why a faster one is not used. */
  readonly engine: EngineReport;
  /**
   * The feature of one image: the mean over `patches` patches of it. Only available where
   * `images` is 1. It is deterministic: crops are drawn as for the first image of a
   * folder. For other images of a folder, `embed()` of the library draws other crops, so
   * their features differ from these.
   *
   * @param image A file's path, the bytes of an image file, or decoded pixels.
   * @returns `width` numbers.
   * @throws {EmpSslError} `NOT_FOUND`; `INVALID_DATA` where it is not a complete image;
   * `INVALID_ARGUMENT` where the encoder takes several images per call.
   */
  embed(image: string | Uint8Array | Image): Promise<Float32Array>;
}

/** Decodes an image that is given in any form. */
async function decoded(
  image: string | Uint8Array | Image,
  options: { pixels: PixelFormat; shrinkTo?: number },
): Promise<Image> {
  const { pixels } = options;
  if (typeof image === "string") return await decodeFile(image, options);
  if (image instanceof Uint8Array) {
    return await decodeBytes(image, "the image", options);
  }
  if (!isComplete(image)) {
    const { width, height, channels = 3, data } = image;
    throw new EmpSslError({
      action: "embed",
      subject: "the image",
      found: `it is ${width} × ${height} × ${channels} with ` +
        `${data?.length ?? "no"} numbers`,
      remedy: "give { width, height, channels, data } with all its numbers; " +
        "channels are 3 where they are left out",
      code: "INVALID_DATA",
    });
  }
  try {
    return toFormat(image, pixels);
  } catch (error) {
    throw new EmpSslError({
      action: "embed",
      subject: "the image",
      found: messageOf(error),
      remedy: "give it with the channels and bits of the run's images",
      code: "INVALID_DATA",
      cause: error,
    });
  }
}

/**
 * Loads a trained encoder into this thread: patches in, features out (paper,
 * section 4.1: the features before the projector). For whole folders `embed`
 * is faster, since it cuts the patches in other threads.
 *
 * @param options The checkpoint; for defaults see {@linkcode LoadEncoderOptions}.
 * @returns The encoder: `encode` takes `patches × images × side × side × channels`
 * values (16-bit ones as their bytes), patch-major, as `PatchStream` gives them.
 * @throws {EmpSslError} `NOT_FOUND` or `INVALID_CHECKPOINT`;
 * `INVALID_ARGUMENT` for an invalid count, engine or number format; `ENGINE_UNAVAILABLE`.
 *
 * @example One image
 * ```ts ignore
 * import { loadEncoder } from "./mod.ts";
 *
 * const modelPath = "runs/shapes-1";
 * using encoder = await loadEncoder({ modelPath, patches: 16 });
 * const feature = await encoder.embed("photo.jpg");
 * console.assert(feature.length === encoder.width);
 * ```
 */
export async function loadEncoder(
  options: LoadEncoderOptions,
): Promise<LoadedEncoder> {
  const { modelPath, images = 1, patches = 1, features } = options;
  const { engine = "auto", precision = "auto", threads } = options;
  checkNames(options, NAMES);
  checkKind(options);
  checkWish({ engine, precision, threads });
  if (options.protocol === "whole" && patches > 1) {
    throw noBag("encode", `patches ${patches}`);
  }
  const { model, config, state, ...read } = readCheckpoint(modelPath);
  const patchSize = options.patchSize ?? config.patchSize;
  for (const [name, value] of Object.entries({ images, patches, patchSize })) {
    checkCount(value, { action: "encode", subject: `${name} ${value}` });
  }
  const loaded = await inTurn(() => loadEngine({ engine, precision, threads }));
  const pixels = pixelsOf(config);
  const shrinkTo = trainSource(config).cache?.side;
  const size = { images, patches, patchSize, values: valuesOf(config) };
  const encoder = await loaded.encoder({ model, features, ...size }, state);
  const transforms = await createTransforms(pixels);
  const recipe = recipeOf(config.recipe);
  const whole = (options.protocol ??
    (options.patches === undefined ? methodOf(model).protocol : "bag")) ===
    "whole";
  const random = new RandomStream({ seed: 0, purpose: 0, at: [] });
  const cut = (image: Image): Uint8Array => {
    const length = patchSize ** 2 * pixels.channels;
    const numbers = samples(patches * length, pixels.bits);
    transforms.load(image);
    for (let patch = 0; patch < patches; patch++) {
      if (whole) {
        cutWhole(image, { recipe, size: patchSize, transforms });
        numbers.set(transforms.patch, patch * length);
        continue;
      }
      // The random numbers of a folder's first image in `embed()`: the same feature.
      const at = [0, 0, patch];
      random.seek({ seed: 0, purpose: Purpose.evaluation, at });
      cutPatch(image, { recipe, size: patchSize, transforms }, random);
      numbers.set(transforms.patch, patch * length);
    }
    return new Uint8Array(numbers.buffer);
  };
  return {
    checkpoint: read.path,
    step: read.step,
    damaged: read.damaged,
    recipe: config.recipe,
    pixels,
    shrinkTo,
    images,
    patches,
    patchSize,
    engine: loaded.report,
    width: encoder.width,
    encode: (bytes) => encoder.encode(bytes),
    async embed(image) {
      if (images !== 1) {
        throw new EmpSslError({
          action: "embed",
          subject: "one image",
          found: `the encoder takes ${images} images a call`,
          remedy: "load it with images: 1, or give encode() their patches",
          code: "INVALID_ARGUMENT",
        });
      }
      return await encoder.encode(
        cut(await decoded(image, { pixels, shrinkTo })),
      );
    },
    dispose: () => encoder.dispose(),
    [Symbol.dispose]: () => encoder.dispose(),
  };
}
