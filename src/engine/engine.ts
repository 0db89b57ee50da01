/**
 * The interface of the engines that run the model, for training and evaluation.
 *
 * @module
 */
import { checkOneOf } from "../common/choice_names.ts";
import { checkCount } from "../common/count.ts";
import { EmpSslError } from "../common/errors.ts";
import type { ModelConfig } from "../model/architectures.ts";
import type { OptimizerConfig } from "../model/optimizer.ts";
import type { LossConfig } from "../model/loss.ts";
import type { PatchValues } from "../patches/normalize.ts";
import type { FeatureLayer } from "../model/methods/method.ts";
import type { State } from "../model/tensors.ts";

/** The engines, best first; `engine/load.ts` chooses among them. */
export const ENGINES = ["tensorflow", "webgpu", "wasm", "cpu"] as const;

/** The name of an engine. */
export type EngineName = typeof ENGINES[number];

/** The values of `--engine`. */
export type EngineChoice = "auto" | EngineName;

/**
 * Element type of convolutions, dense layers and the operations between them.
 * `tf32` is fp32 whose factors an NVIDIA GPU rounds to 10 bits of mantissa.
 */
export type Precision = typeof PRECISIONS[number];

/** The number formats of {@linkcode Precision}. */
export const PRECISIONS = ["fp32", "tf32", "bf16"] as const;

/** What an engine runs on. */
export type Device = "CPU" | "GPU";

/**
 * The values of `--precision`: `auto` is bf16 if it takes under 85 % of fp32's time in a
 * short measurement, else tf32 on a GPU and fp32 on a CPU.
 */
export type PrecisionChoice = "auto" | Precision;

/** The values of `--xla`: `auto` is `on` if XLA is measured to be faster on a GPU. */
export type XlaChoice = typeof XLA_CHOICES[number];

/** The choices of {@linkcode XlaChoice}. */
export const XLA_CHOICES = ["auto", "on", "off"] as const;

/** The requested engine and how it should compute. */
export interface EngineWish {
  /** The engine's name, or `auto`. */
  engine: EngineChoice;
  /** Number format of convolutions and dense layers. */
  precision: PrecisionChoice;
  /** CPU threads; as many as there are cores by default. */
  threads?: number;
  /** The replicas, if several train together. */
  cluster?: ClusterWish;
  /** Whether XLA compiles the parts of the graphs that it supports: `auto`. */
  xla?: XlaChoice;
}

/** The replicas of a model that train together. */
export interface ClusterWish {
  /** The number of replicas in this process; `auto` is one for each GPU. */
  replicas: number | "auto";
  /** `host:port` of each process; empty for a single process. */
  addresses: string[];
  /** The index of this process. */
  task: number;
  /** Whether batch norms are synchronised over all replicas. */
  syncBatchNorm: boolean;
}

/** TensorFlow makes any number of threads, until the memory is full. */
const MOST_THREADS = 1024;

/**
 * Rejects what does not exist, for callers in JavaScript, and a number format or
 * replicas that an engine does not support.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkWish({ engine, precision, threads, cluster }: EngineWish) {
  const chosen = [
    ["--engine", engine, ["auto", ...ENGINES]],
    ["--precision", precision, ["auto", ...PRECISIONS]],
  ] as const;
  const action = "compute with";
  for (const [flag, value, known] of chosen) {
    checkOneOf(value, known, { action, subject: `${flag} ${value}` });
  }
  const subject = `--threads ${threads}`;
  checkCount(threads, { action, subject });
  if (threads !== undefined && threads > MOST_THREADS) {
    throw new EmpSslError({
      ...{ action, subject, code: "INVALID_ARGUMENT" },
      found: "so many are never faster",
      remedy: `give ${MOST_THREADS} at most`,
    });
  }
  if (engine === "auto" || engine === "tensorflow") return;
  if (cluster !== undefined) {
    throw new EmpSslError({
      action: "train",
      subject: `several replicas on the ${engine} engine`,
      found: "replicas need TensorFlow's collective operations",
      remedy: "take --engine tensorflow",
      code: "INVALID_ARGUMENT",
    });
  }
  if (precision !== "bf16" && precision !== "tf32") return;
  throw new EmpSslError({
    action: "compute",
    subject: `in ${precision} on the ${engine} engine`,
    found: "tfjs's own backends do not have this number format",
    remedy: "take --precision fp32 or --engine tensorflow",
    code: "INVALID_ARGUMENT",
  });
}

/** What an engine is and runs on. */
export interface EngineReport {
  /** The engine's name. */
  engine: EngineName;
  /** Its library's version. */
  version: string;
  /** What it runs on. */
  device: Device;
  /** The device's name, if it is known. */
  deviceName?: string;
  /** Number format of convolutions and dense layers. */
  precision: Precision;
  /** Whether XLA compiles the parts of the graphs that it supports. */
  xla?: boolean;
  /** GPU memory that TensorFlow may use, in bytes. */
  memoryBytes?: number;
  /** The file of the TensorFlow library, if that is the engine. */
  library?: string;
  /** With several replicas: how many in this process, and how many in all. */
  replicas?: { own: number; count: number };
  /** What a user should know before a long run, such as a slow engine. */
  warning?: string;
}

/** What a trainer needs. */
export interface TrainerOptions {
  /** The network. */
  model: ModelConfig;
  /** The weights of the loss. */
  loss: LossConfig;
  /** The optimiser and its constants. */
  optimizer: OptimizerConfig;
  /** Images a batch: b. */
  images: number;
  /** Patches an image: n. */
  patches: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** The format of patch values: by default bytes, normalised as in the paper. */
  values?: PatchValues;
  /**
   * How many of the patches of each image go through the network at a time, a
   * divisor of `patches`. By default all of them.
   */
  microBatch?: number;
}

/** What an encoder needs. */
export type EncoderOptions =
  & Pick<
    TrainerOptions,
    "model" | "images" | "patches" | "patchSize" | "values"
  >
  & {
    /** The layer of the features; by default the method's choice. */
    features?: FeatureLayer;
  };

/** The loss of one step and its terms, before the update. */
export interface StepLosses {
  /** The loss; that of EMP-SSL is negative when training goes well. */
  loss: number;
  /**
   * Mean cosine, −1 to 1, between a patch's embedding and the mean embedding of its image.
   */
  invariance: number;
  /** Total coding rate. */
  tcr: number;
}

/** The results of a step. */
export interface StepResult extends StepLosses {
  /**
   * Z̄Z̄ᵀ, `b×b` numbers: the similarities of the images' mean embeddings; of
   * larger batches only for the first 256 images.
   */
  gram: Float32Array;
  /** Whether a stop was asked for; in several processes the next step is then the last. */
  stopping: boolean;
}

/** A model in training on a device. */
export interface Trainer {
  /**
   * On a device with separate memory: copies the next step's batch to the device,
   * while earlier steps may still run. `bytes` may be reused once the promise
   * resolves.
   */
  readonly upload?: (bytes: Uint8Array) => Promise<void>;
  /**
   * One optimisation step.
   *
   * @param bytes `patches × images × side × side × channels` numbers, patch-major;
   * 16-bit numbers as their bytes. Not read if they were uploaded.
   * @param learningRate The learning rate of this step.
   * @param stop Whether this process asks to stop.
   * @param scalars The method's scalars for this step: `Method.scalars`.
   */
  step(
    bytes: Uint8Array,
    learningRate: number,
    stop?: boolean,
    scalars?: Record<string, number>,
  ): Promise<StepResult>;
  /** Weights and running statistics by PyTorch's names, in this project's layout. */
  state(): Promise<State>;
  /**
   * The optimizer state: momentum buffers by the names of their parameters, and
   * the method's state.
   */
  optimizerState(): Promise<State>;
  /** Frees the device's memory. */
  dispose(): void;
}

/** A trained model on a device, in eval mode. */
export interface FeatureEncoder {
  /**
   * The features of patches, averaged over the patches of an image.
   *
   * @param bytes `patches × images × side × side × channels` numbers, patch-major;
   * 16-bit numbers as their bytes.
   * @returns `images × width` numbers, one image after the other.
   */
  encode(bytes: Uint8Array): Promise<Float32Array>;
  /** The dimension of a feature. */
  readonly width: number;
  /** Frees the device's memory. */
  dispose(): void;
}

/** An engine. */
export interface Engine {
  /** Frees memory outside JavaScript; the engine must not be used afterwards. */
  close?(): void;
  /** What the engine is and runs on. */
  readonly report: EngineReport;
  /**
   * Puts a model on the device to train it.
   *
   * @param optimizerState The result of {@linkcode Trainer.optimizerState}, to resume a run.
   * By default momentum starts from zero, and the method's state from its initial
   * values.
   */
  trainer(
    options: TrainerOptions,
    state: State,
    optimizerState?: State,
  ): Promise<Trainer>;
  /** Puts a model on the device to use it. */
  encoder(
    options: EncoderOptions,
    state: State,
  ): Promise<FeatureEncoder>;
}
