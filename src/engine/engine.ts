/**
 * What runs the model, as the trainer and the evaluation see it.
 *
 * @module
 */
import { EmpSslError } from "../errors.ts";
import type { ModelConfig } from "../model/architectures.ts";
import type { OptimizerConfig } from "../model/lars.ts";
import type { LossConfig } from "../model/loss.ts";
import type { PatchValues } from "../patches/normalize.ts";
import type { FeatureLayer } from "../model/methods/method.ts";
import type { State } from "../model/tensors.ts";

/** The engines, best first; `engine/load.ts` says when each is taken. */
export const ENGINES = ["tensorflow", "webgpu", "wasm", "cpu"] as const;

/** The name of an engine. */
export type EngineName = typeof ENGINES[number];

/** What `--engine` takes. */
export type EngineChoice = "auto" | EngineName;

/**
 * Element type of convolutions, dense layers and what lies between. `tf32` is fp32
 * whose factors an NVIDIA GPU rounds to 10 bits of mantissa.
 */
export type Precision = "fp32" | "tf32" | "bf16";

/** What `--precision` takes: `auto` is bf16 where it is measured to be faster. */
export type PrecisionChoice = "auto" | Precision;

/** What `--xla` takes: `auto` is on where it is measured to be faster. */
export type XlaChoice = "auto" | "on" | "off";

/** Which engine is asked for. */
export interface EngineWish {
  /** Which. */
  engine: EngineChoice;
  /** Number format of convolutions and dense layers. */
  precision: PrecisionChoice;
  /** Threads on the processor; as many as there are cores where not given. */
  threads?: number;
  /** Where several replicas train together. */
  cluster?: ClusterWish;
  /** Whether XLA compiles what it can of the graphs: `auto`. */
  xla?: XlaChoice;
}

/** The replicas of a model that train together. */
export interface ClusterWish {
  /** Those of this process; `auto` is one for each GPU. */
  replicas: number | "auto";
  /** `host:port` of each process; none where this one is alone. */
  addresses: string[];
  /** Which of them this one is. */
  task: number;
  /** Whether batch norms use the statistics of all replicas together. */
  syncBatchNorm: boolean;
}

/**
 * Refuses a number format, or replicas, that an engine does not have.
 *
 * @throws {EmpSslError} `INVALID_ARGUMENT`.
 */
export function checkWish({ engine, precision, cluster }: EngineWish): void {
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
    found: "tfjs's own backends have no such type",
    remedy: "take --precision fp32 or --engine tensorflow",
    code: "INVALID_ARGUMENT",
  });
}

/** What an engine is and runs on. */
export interface EngineReport {
  /** The engine's name. */
  engine: string;
  /** Its library's version. */
  version: string;
  /** `CPU` or `GPU`. */
  device: string;
  /** The device's own name, where it is known. */
  deviceName?: string;
  /** Number format of convolutions and dense layers. */
  precision: string;
  /** Whether XLA compiles what it can of the graphs. */
  xla?: boolean;
  /** Memory of a GPU that TensorFlow may use, in bytes. */
  memoryBytes?: number;
  /** The file of the TensorFlow library, where that is the engine. */
  library?: string;
  /** Where several train together: how many here, and how many in all. */
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
  /** The constants of LARS and SGD. */
  optimizer: OptimizerConfig;
  /** Images a batch: b. */
  images: number;
  /** Patches an image: n. */
  patches: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** What the numbers of a patch are: bytes, normalised as the paper has it. */
  values?: PatchValues;
  /**
   * How many of the patches of each image go through the network at a time; it
   * divides `patches`. All at once where it is not given.
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
    /** The layer that is wanted: the method's own where it is not given. */
    features?: FeatureLayer;
  };

/** The numbers of one step, before its update. */
export interface StepLosses {
  /** The loss: negative when training goes well. */
  loss: number;
  /** Mean cosine between a patch and its image's mean. */
  invariance: number;
  /** Total coding rate. */
  tcr: number;
}

/** What a step gives. */
export interface StepResult extends StepLosses {
  /**
   * Z̄Z̄ᵀ, `b×b` numbers: how alike the mean embeddings of the images are; of
   * larger batches only the first 256 images.
   */
  gram: Float32Array;
  /** Whether this is to be the last step: some process asked to stop. */
  stopping: boolean;
}

/** A model in training on a device. */
export interface Trainer {
  /**
   * Where the device has a memory of its own: puts a batch there for the step after
   * those that have begun, which may still run. The bytes are free once it has ended.
   */
  readonly upload?: (bytes: Uint8Array) => Promise<void>;
  /**
   * One optimisation step.
   *
   * @param bytes `patches × images × side × side × channels` numbers, patch-major;
   * those of 16 bits as their bytes. Not read again where they were uploaded.
   * @param learningRate Of this step.
   * @param stop Whether this process asks that it be the last step.
   * @param scalars What else the method has for this step: `Method.scalars`.
   */
  step(
    bytes: Uint8Array,
    learningRate: number,
    stop?: boolean,
    scalars?: Record<string, number>,
  ): Promise<StepResult>;
  /** Weights and running statistics by PyTorch's names, in our layout. */
  state(): Promise<State>;
  /**
   * Momentum buffers by the names of their parameters, and what the method keeps
   * from step to step.
   */
  momentum(): Promise<State>;
  /** Frees the device's memory. */
  dispose(): void;
}

/** A trained model on a device, in eval mode. */
export interface FeatureEncoder {
  /**
   * The features of patches, averaged over the patches of an image.
   *
   * @param bytes `patches × images × side × side × channels` numbers, patch-major;
   * those of 16 bits as their bytes.
   * @returns `images × width` numbers, an image after the other.
   */
  encode(bytes: Uint8Array): Promise<Float32Array>;
  /** Numbers in a feature. */
  readonly width: number;
  /** Frees the device's memory. */
  dispose(): void;
}

/** An engine. */
export interface Engine {
  /** Frees what it holds outside JavaScript; it is not used again. */
  close?(): void;
  /** What it is. */
  readonly report: EngineReport;
  /**
   * Puts a model on the device to train it.
   *
   * @param momentum What {@linkcode Trainer.momentum} gave. Momentum starts from
   * zero where it is not in it, and what the method keeps from its first values.
   */
  trainer(
    options: TrainerOptions,
    state: State,
    momentum?: State,
  ): Promise<Trainer>;
  /** Puts a model on the device to use it. */
  encoder(
    options: EncoderOptions,
    state: State,
  ): Promise<FeatureEncoder>;
}
