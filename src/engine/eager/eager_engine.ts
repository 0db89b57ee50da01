/**
 * Runs the model op by op on any tfjs backend: the engine for machines without
 * TensorFlow.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
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
import { EagerTrainer } from "./eager_trainer.ts";
import { patchTensor, upload } from "./tensors.ts";

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
    momentum?: State,
  ): Promise<EagerTrainer> {
    return Promise.resolve(new EagerTrainer(options, state, momentum));
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
    const shape = [patches * images, patchSize, patchSize, model.channels];
    return Promise.resolve({
      width,
      async encode(values: Uint8Array | Float32Array) {
        const features = tf.tidy(() => {
          const y = encode(
            scopeOf(tensors, false),
            patchTensor(values, shape, kind),
            model,
            options.features,
          );
          return tf.mean(tf.reshape(y, [patches, images, width]), 0);
        });
        const data = await features.data<"float32">() as Float32Array;
        features.dispose();
        return data;
      },
      dispose: () => tf.dispose(tensors),
    });
  }
}
