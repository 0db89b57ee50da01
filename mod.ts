/**
 * EMP-SSL for Deno: self-supervised image encoders from one or a few epochs
 * (Tong, Chen, Ma and LeCun, arXiv 2304.03977).
 *
 * @example The patches of the embedded data set
 * ```ts
 * import { PatchStream } from "./mod.ts";
 *
 * await using stream = await PatchStream.open({
 *   source: { name: "shapes", split: "train" },
 *   recipe: "cifar",
 *   patchSize: 16,
 *   images: 2,
 *   patches: 4,
 *   shuffle: true,
 *   seed: 0,
 *   firstBatch: 0,
 *   endBatch: 1,
 * }, { workers: 1 });
 * for await (const batch of stream) console.assert(batch.length === 8 * 768);
 * ```
 *
 * @module
 */
export {
  codeOf,
  EmpSslError,
  type ErrorCode,
  type ErrorParts,
  isEmpSslError,
} from "./src/common/errors.ts";
export {
  type DatasetEntry,
  DATASETS,
  type OpenOptions,
} from "./src/data/catalog.ts";
export { openDataset } from "./src/data/open_dataset.ts";
export type {
  Blocks,
  DataOptions,
  Dataset,
  DatasetSource,
  OwnDataChoice,
  SharedData,
  Split,
} from "./src/data/dataset.ts";
export type { FileTable } from "./src/data/file_table.ts";
export type { ParquetTable } from "./src/data/parquet_table.ts";
export type { ShardTable } from "./src/data/shard_table.ts";
export type { CallOptions } from "./src/common/call_options.ts";
export type { Search } from "./src/data/image_files.ts";
export {
  type Prepared,
  prepareDataset,
  type PrepareEvent,
  type PrepareOptions,
} from "./src/data/prepare.ts";
export {
  decodeBytes,
  decodeFile,
  type DecodeOptions,
} from "./src/data/decode.ts";
export type { OpenOwnData, OwnDataset } from "./src/data/own_data.ts";
export type { CacheOptions } from "./src/data/decoded_cache.ts";
export type { Image, PixelFormat, Samples } from "./src/data/image.ts";
export {
  type Architecture,
  type ArchitectureName,
  ARCHITECTURES,
  DEPTHS,
  type MethodSettings,
  type ModelConfig,
} from "./src/model/architectures.ts";
export { METHOD_NAMES, type MethodName } from "./src/model/methods/methods.ts";
export {
  FEATURE_LAYERS,
  type FeatureLayer,
  type Protocol,
  PROTOCOLS,
} from "./src/model/methods/method.ts";
export { LARS_CLIPS, type LarsClip } from "./src/model/lars.ts";
export { type OptimizerName, OPTIMIZERS } from "./src/model/optimizer.ts";
export { type Schedule, SCHEDULES } from "./src/model/schedule.ts";
export {
  type Recipe,
  type RecipeChoice,
  type RecipeName,
  recipeOf,
  RECIPES,
} from "./src/patches/recipe.ts";
export type { OwnRecipe, PartialRecipe } from "./src/patches/recipe_schema.ts";
export type { Normalization } from "./src/patches/normalize.ts";
export type { CropRange } from "./src/patches/crop.ts";
export type { JitterStrength } from "./src/patches/color_jitter.ts";
export type { Interpolation } from "./src/patches/resize.ts";
export { PatchStream } from "./src/stream/patch_stream.ts";
export type { PatchJob } from "./src/stream/patch_job.ts";
export type { OrderConfig } from "./src/stream/order.ts";
export type { PoolOptions } from "./src/stream/pool.ts";
export type { RingHandle } from "./src/stream/ring.ts";
export {
  type Device,
  type EngineChoice,
  type EngineName,
  type EngineReport,
  ENGINES,
  type Precision,
  type PrecisionChoice,
  PRECISIONS,
  type StepLosses,
  XLA_CHOICES,
  type XlaChoice,
} from "./src/engine/engine.ts";
export {
  PRESETS,
  TRAIN_DEFAULTS,
  type TrainChoices,
} from "./src/train/choices.ts";
export type { PresetName } from "./src/train/data_defaults.ts";
export type { ProgressiveSize } from "./src/stream/patch_sizes.ts";
export {
  type ResolvedConfig,
  type TrainConfig,
} from "./src/checkpoint/run_config.ts";
export type { Variant } from "./src/engine/setup/wheels.ts";
export {
  type SetUpChoices,
  type SetUpEvent,
  setUpTensorFlow,
} from "./src/engine/setup/set_up.ts";
export type { BatchView } from "./src/train/batch_view.ts";
export type { Probe, StepMetrics, TrainEvent } from "./src/train/events.ts";
export { type MetricsRecord, readMetrics } from "./src/train/metrics.ts";
export { type PreparedRun, prepareRun } from "./src/train/config.ts";
export { train, type TrainOptions } from "./src/train/train.ts";
export {
  evaluate,
  type EvaluateEvent,
  type EvaluationResult,
} from "./src/evaluate/evaluate.ts";
export {
  EVALUATE_DEFAULTS,
  type EvaluateConfig,
} from "./src/evaluate/evaluate_config.ts";
export type { ProbeChoices } from "./src/evaluate/probe_choices.ts";
export {
  keepEvaluation,
  readEvaluations,
} from "./src/evaluate/evaluation_record.ts";
export {
  EXPORT_DEFAULTS,
  type ExportConfig,
  exportModel,
  type ExportResult,
} from "./src/export/export.ts";
export {
  EXPORT_FORMATS,
  EXPORT_PARTS,
  EXPORT_PRECISIONS,
  type ExportFormat,
  type ExportPart,
  type ExportPrecision,
} from "./src/export/request.ts";
export {
  type LoadedEncoder,
  loadEncoder,
  type LoadEncoderOptions,
} from "./src/evaluate/load_encoder.ts";
export type { FeatureEncoder } from "./src/engine/engine.ts";
export {
  embed,
  EMBED_DEFAULTS,
  type EmbedChoices,
  type EmbedConfig,
  type EmbedEvent,
  type EmbedResult,
} from "./src/evaluate/embed.ts";
export {
  onlineProbe,
  type OnlineProbeOptions,
} from "./src/evaluate/online_probe.ts";
export { Dashboard } from "./src/dashboard/dashboard.ts";
export {
  type ReportConfig,
  type ReportResult,
  writeReport,
} from "./src/report/report.ts";
export { VERSION } from "./src/common/version.ts";
export type { Accuracy } from "./src/evaluate/accuracy.ts";
export type { ProbeResult } from "./src/evaluate/linear_probe.ts";
