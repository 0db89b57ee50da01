/**
 * Runs the model op by op on any tfjs backend: the engine for machines without
 * TensorFlow.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { errorMaker } from "../../common/errors.ts";
import { encode, featureWidth } from "../../model/encoder.ts";
import { scopeOf } from "../../model/layers.ts";
import { tensorSpecs } from "../../model/parameters.ts";
import { type State } from "../../model/tensors.ts";
import type {
  EncoderOptions,
  Engine,
  EngineReport,
  FeatureEncoder,
  TrainerOptions,
} from "../engine.ts";
import { stepBytes } from "../micro_batch.ts";
import { EagerTrainer } from "./eager_trainer.ts";
import { patchTensor, upload } from "./tensors.ts";

const encodeError = errorMaker("encode", "INVALID_ARGUMENT");

/** Memory of a forward pass: WebAssembly has 4 GiB in all. */
const ENCODED_BYTES = 1e9;

/** See `engine.ts`. */
export class EagerEngine implements Engine {
  readonly report: EngineReport;

  /** An engine over the current tfjs backend. */
  constructor(report: EngineReport) {
    this.report = report;
  }

  /** A model in training. */
  trainer(
    options: TrainerOptions,
    state: State,
    optimizerState?: State,
  ): Promise<EagerTrainer> {
    return Promise.resolve(new EagerTrainer(options, state, optimizerState));
  }

  /** A model in eval mode. */
  encoder(
    options: EncoderOptions,
    state: State,
  ): Promise<
    FeatureEncoder & {
      encode(values: Uint8Array | Float32Array): Promise<Float32Array>;
    }
  > {
    const { images, patches, patchSize, model, values: kind } = options;
    const width = featureWidth(model, options.features);
    const tensors = upload(tensorSpecs(model), state);
    const rows = patches * images, patch = { model, patchSize };
    // tfjs keeps all maps of a forward pass until its end: twice what a step stores.
    const each = 2 * (stepBytes(patch, 1) - stepBytes(patch, 0));
    const most = Math.max(1, Math.floor(ENCODED_BYTES / each));
    const { engine } = this.report;
    let disposed = false;
    return Promise.resolve({
      width,
      async encode(values: Uint8Array | Float32Array) {
        // Another engine may have been loaded into this thread since. At once, as the
        // backend is loaded; nothing waits before the features are computed.
        void tf.setBackend(engine);
        if (disposed) {
          const found = "the encoder has been disposed of";
          throw encodeError("patches", found, "load it again");
        }
        // 16-bit values arrive as bytes.
        const isWide = kind?.bits === 16 && values instanceof Uint8Array;
        const length = patchSize ** 2 * model.channels * (isWide ? 2 : 1);
        if (values.length !== rows * length) {
          throw encodeError(
            `${values.length} values`,
            `${rows} patches have ${rows * length}`,
            "give the values of exactly one batch",
          );
        }
        const parts: tf.Tensor[] = [];
        for (let first = 0; first < rows; first += most) {
          const end = Math.min(first + most, rows);
          const part = values.subarray(first * length, end * length);
          const shape = [end - first, patchSize, patchSize, model.channels];
          parts.push(tf.tidy(() =>
            encode(
              scopeOf(tensors, false),
              patchTensor(part, shape, kind),
              model,
              options.features,
            )
          ));
        }
        const features = tf.tidy(() => {
          const shape = [patches, images, width];
          return tf.mean(tf.reshape(tf.concat(parts), shape), 0);
        });
        tf.dispose(parts);
        const data = await features.data<"float32">() as Float32Array;
        features.dispose();
        return data;
      },
      dispose() {
        disposed = true;
        tf.dispose(tensors);
      },
    });
  }
}
