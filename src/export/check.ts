/**
 * Checks an export: it is read back and run on patches, and must give our features.
 * ONNX Runtime, TensorFlow and TensorFlow.js run their formats; the tensors of a
 * safetensors file are run by our own code, not by PyTorch.
 *
 * @module
 */
import { allFinite } from "../common/finite.ts";
import { loadOnnxRuntime } from "../deps/onnxruntime.ts";
import * as tf from "../deps/tfjs.ts";
import { loadGraphModel } from "../deps/tfjs_converter.ts";
import type { Engine } from "../engine/engine.ts";
import { GraphEngine } from "../engine/tensorflow/graph_engine.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import { encode } from "../model/encoder.ts";
import { scopeOf } from "../model/layers.ts";
import { convertLayout } from "../model/layout.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { type State } from "../model/tensors.ts";
import { decodeSafetensors } from "../checkpoint/safetensors.ts";
import {
  type ExportFormat,
  type ExportRequest,
  featureWidth,
  INPUT,
  isInPart,
  layerOf,
  OUTPUT,
} from "./request.ts";
import { exportedName } from "./safetensors_model.ts";

/** Patches to check with: `count×side×side×channels` floats, normalised. */
export interface CheckPatches {
  /** How many. */
  count: number;
  /** The numbers. */
  values: Float32Array;
}

/** Maximum relative error of the features. */
export const TOLERANCE = { fp32: 1e-3, fp16: 1e-2 } as const;

/** Features by the model code that also trains, on the loaded backend. */
async function ourFeatures(
  request: ExportRequest,
  state: State,
  { count, values }: CheckPatches,
): Promise<Float32Array> {
  const { model, part, patchSize } = request;
  const features = tf.tidy(() => {
    const specs = tensorSpecs(model).filter(({ name }) =>
      isInPart(name, request)
    );
    const scope = scopeOf(
      Object.fromEntries(specs.map(({ name, shape }) => [
        name,
        tf.tensor(state.get(name)!, shape),
      ])),
      false,
    );
    const x = tf.tensor4d(values, [
      count,
      patchSize,
      patchSize,
      model.channels,
    ]);
    return encode(scope, x, model, layerOf(part));
  });
  const found = await features.data() as Float32Array;
  features.dispose();
  return found;
}

/** `N×H×W×C` to `N×C×H×W`. */
function toChannelsFirst(
  values: Float32Array,
  count: number,
  channels: number,
): Float32Array {
  const pixels = values.length / count / channels;
  const result = new Float32Array(values.length);
  for (let n = 0; n < count; n++) {
    for (let p = 0; p < pixels; p++) {
      for (let c = 0; c < channels; c++) {
        const from = (n * pixels + p) * channels + c;
        result[(n * channels + c) * pixels + p] = values[from]!;
      }
    }
  }
  return result;
}

type Run = (
  folder: string,
  request: ExportRequest,
  patches: CheckPatches,
  engine: Engine,
) => Promise<Float32Array>;

/** How each format is run. */
const RUNS: Record<ExportFormat, Run> = {
  async safetensors(folder, request, patches) {
    const path = `${folder}/model.safetensors`;
    const { tensors } = decodeSafetensors(Deno.readFileSync(path), path);
    const state: State = new Map();
    for (const spec of tensorSpecs(request.model)) {
      const found = tensors.get(exportedName(spec.name, request.part));
      if (found === undefined) continue;
      const values = convertLayout(spec, found.values, "tensorflow");
      state.set(spec.name, values);
    }
    return await ourFeatures(request, state, patches);
  },
  async onnx(folder, { patchSize, model }, { count, values }) {
    const { channels } = model;
    const { InferenceSession, Tensor } = await loadOnnxRuntime();
    const bytes = Deno.readFileSync(`${folder}/model.onnx`);
    const session = await InferenceSession.create(bytes, {
      logSeverityLevel: 3,
    });
    const shape = [count, channels, patchSize, patchSize];
    const input = new Tensor(
      "float32",
      toChannelsFirst(values, count, channels),
      shape,
    );
    const { [OUTPUT]: output } = await session.run({ [INPUT]: input });
    const features = output!.data.slice();
    await session.release();
    return features;
  },
  async savedmodel(folder, { patchSize, model }, { count, values }, engine) {
    using session = (engine as GraphEngine).loadSavedModel(folder);
    const shape = [count, patchSize, patchSize, model.channels];
    const [features] = await session.run(
      [{ name: INPUT, shape, values }],
      [OUTPUT],
    );
    return features!;
  },
  async tfjs(folder, { patchSize, model: { channels } }, { count, values }) {
    const model = JSON.parse(Deno.readTextFileSync(`${folder}/model.json`));
    const { buffer } = Deno.readFileSync(`${folder}/weights.bin`);
    const graph = await loadGraphModel({
      load: () =>
        Promise.resolve({
          ...model,
          weightSpecs: model.weightsManifest[0].weights,
          weightData: buffer,
        }),
    });
    const x = tf.tensor4d(values, [count, patchSize, patchSize, channels]);
    const y = graph.predict(x);
    const features = await y.data() as Float32Array;
    tf.dispose([x, y]);
    graph.dispose();
    return features;
  },
};

/**
 * Checks an export.
 *
 * @param folder The folder of its files.
 * @param engine The engine that is loaded in this thread.
 * @returns The L2 distance from our features, relative to their norm.
 * @throws {EmpSslError} `EXPORT_FAILED`.
 */
export async function checkExport(
  format: ExportFormat,
  folder: string,
  request: ExportRequest,
  patches: CheckPatches,
  engine: Engine,
): Promise<number> {
  const checkError = (found: string, remedy: string, cause?: unknown) =>
    new EmpSslError({
      action: "export",
      subject: `the network as ${format}`,
      found,
      remedy,
      code: "EXPORT_FAILED",
      cause,
    });
  if (format === "savedmodel" && !(engine instanceof GraphEngine)) {
    throw checkError(
      "only TensorFlow can check a SavedModel",
      "set TensorFlow up with `deno task setup`",
    );
  }
  const wanted = await ourFeatures(request, request.state, patches);
  const found = await RUNS[format](folder, request, patches, engine)
    .catch((error: unknown) => {
      throw checkError(
        `the program that reads it back cannot be downloaded or fails (${
          messageOf(error).split("\n")[0]
        })`,
        "check the network and export again, or report this; nothing was kept",
        error,
      );
    });
  const size = patches.count * featureWidth(request);
  if (found.length !== size) {
    throw checkError(
      `it gives ${found.length} numbers (expected ${size})`,
      "report this with the command you ran",
    );
  }
  if (!allFinite(wanted)) {
    const remedy = "its weights are broken: export another checkpoint";
    throw checkError("its features are not finite", remedy);
  }
  if (!allFinite(found)) {
    throw checkError(
      `the features of the exported file are not finite`,
      request.precision === "fp16"
        ? "export with --precision fp32: its weights are beyond fp16's range"
        : "report this with the command you ran",
    );
  }
  let difference = 0, norm = 0;
  wanted.forEach((value, i) => {
    difference += (value - found[i]!) ** 2;
    norm += value ** 2;
  });
  const distance = Math.sqrt(difference / Math.max(norm, 1e-24));
  if (!(distance <= TOLERANCE[request.precision])) {
    throw checkError(
      `its features differ from ours by ${
        distance.toExponential(1)
      } (relative)`,
      "report this with the command you ran",
    );
  }
  return distance;
}
