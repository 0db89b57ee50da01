/**
 * Runs the model op by op on whatever backend tfjs has set: the plainest
 * engine, and the one that the others are checked against.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";
import { embed, encode, normalizeBytes } from "../model/encoder.ts";
import { larsGradient } from "../model/lars.ts";
import { scopeOf } from "../model/layers.ts";
import { empSslLoss } from "../model/loss.ts";
import {
  isTrainable,
  type State,
  type TensorSpec,
  tensorSpecs,
} from "../model/parameters.ts";
import { sgdStep } from "../model/sgd.ts";
import type {
  Engine,
  EngineReport,
  FeatureEncoder,
  StepLosses,
  Trainer,
  TrainerOptions,
} from "./engine.ts";

/** Puts bytes on the device as numbers from 0 to 255. */
export type FromBytes = (bytes: Uint8Array, shape: number[]) => tf.Tensor;

type Tensors = Record<string, tf.Tensor>;

function upload(specs: TensorSpec[], state: State): Tensors {
  return Object.fromEntries(specs.map(({ name, shape }) => [
    name,
    tf.keep(tf.tensor(state.get(name)!, shape, "float32")),
  ]));
}

async function download(tensors: Tensors): Promise<State> {
  const state: State = new Map();
  for (const [name, tensor] of Object.entries(tensors)) {
    state.set(name, await tensor.data<"float32">() as Float32Array);
  }
  return state;
}

/** See `engine.ts`. */
export class EagerEngine implements Engine {
  readonly report: EngineReport;
  #fromBytes: FromBytes;

  /** Over the backend that tfjs has set. */
  constructor(report: EngineReport, fromBytes: FromBytes) {
    this.report = report;
    this.#fromBytes = fromBytes;
  }

  /** A model in training. */
  trainer(
    options: TrainerOptions,
    state: State,
    momentum?: State,
  ): Promise<EagerTrainer> {
    return Promise.resolve(
      new EagerTrainer(options, state, this.#fromBytes, momentum),
    );
  }

  /** A model in eval mode. */
  encoder(
    options: Pick<TrainerOptions, "model" | "images" | "patches" | "patchSize">,
    state: State,
  ): Promise<FeatureEncoder> {
    const specs = tensorSpecs(options.model);
    const tensors = upload(specs, state);
    const { images, patches, patchSize, model } = options;
    const shape = [patches * images, patchSize, patchSize, 3];
    return Promise.resolve({
      width: model.hidden,
      encode: async (bytes: Uint8Array) => {
        const features = tf.tidy(() => {
          const x = normalizeBytes(this.#fromBytes(bytes, shape));
          const y = encode(scopeOf(tensors, false), x, model);
          return tf.mean(tf.reshape(y, [patches, images, model.hidden]), 0);
        });
        const values = await features.data<"float32">();
        features.dispose();
        return values as Float32Array;
      },
      dispose: () => tf.dispose(tensors),
    });
  }
}

/** A model in training, op by op. */
export class EagerTrainer implements Trainer {
  #options: TrainerOptions;
  #trainable: string[];
  #tensors: Tensors;
  #momentum: Tensors;
  #fromBytes: FromBytes;

  /** Uploads the state; without momentum it starts from zero. */
  constructor(
    options: TrainerOptions,
    state: State,
    fromBytes: FromBytes,
    momentum?: State,
  ) {
    const specs = tensorSpecs(options.model);
    const trainable = specs.filter(isTrainable);
    this.#options = options;
    this.#fromBytes = fromBytes;
    this.#trainable = trainable.map((spec) => spec.name);
    this.#tensors = upload(specs, state);
    this.#momentum = momentum
      ? upload(trainable, momentum)
      : Object.fromEntries(trainable.map(({ name, shape }) => [
        name,
        tf.keep(tf.zeros(shape)),
      ]));
  }

  /** See {@linkcode Trainer.step}. */
  step(bytes: Uint8Array, learningRate: number): Promise<StepLosses> {
    const { patches, images, patchSize } = this.#options;
    const shape = [patches * images, patchSize, patchSize, 3];
    const x = tf.tidy(() => normalizeBytes(this.#fromBytes(bytes, shape)));
    return this.stepOnTensor(x, learningRate);
  }

  /** z of normalised patches in training mode, without any update. */
  embedTensor(x: tf.Tensor): tf.Tensor {
    return tf.tidy(() =>
      embed(scopeOf(this.#tensors, true), x, this.#options.model)
    );
  }

  /** Losses, gradients and new running statistics of normalised patches. */
  gradients(x: tf.Tensor): {
    losses: tf.Tensor[];
    gradients: Tensors;
    updates: Tensors;
  } {
    const { model, loss, patches } = this.#options;
    const scope = scopeOf(this.#tensors, true);
    const parts: tf.Tensor[] = [];
    const objective = (...values: tf.Tensor[]) => {
      const tensors = { ...this.#tensors };
      this.#trainable.forEach((name, i) => tensors[name] = values[i]);
      const z = embed({ ...scope, tensors }, x, model);
      const losses = empSslLoss(z, { ...loss, patches });
      parts.push(
        ...[losses.loss, losses.invariance, losses.tcr].map((part) =>
          tf.keep(tf.clone(part))
        ),
      );
      return losses.loss as tf.Scalar;
    };
    const { grads, value } = tf.valueAndGrads(objective)(
      this.#trainable.map((name) => this.#tensors[name]),
    );
    value.dispose();
    return {
      losses: parts,
      gradients: Object.fromEntries(
        this.#trainable.map((name, i) => [name, grads[i]]),
      ),
      updates: scope.updates,
    };
  }

  /** One step on normalised patches, which it disposes of. */
  async stepOnTensor(
    x: tf.Tensor,
    learningRate: number,
  ): Promise<StepLosses> {
    const { optimizer } = this.#options;
    const { losses, gradients, updates } = this.gradients(x);
    x.dispose();
    const rate = tf.scalar(learningRate);
    for (const name of this.#trainable) {
      const parameter = this.#tensors[name], buffer = this.#momentum[name];
      const next = tf.tidy(() => {
        const gradient = larsGradient(
          parameter,
          gradients[name],
          rate,
          optimizer,
        );
        const { parameter: p, buffer: b } = sgdStep(
          parameter,
          buffer,
          gradient,
          { learningRate: rate, momentum: optimizer.momentum },
        );
        return [p, b];
      });
      tf.dispose([parameter, buffer, gradients[name]]);
      [this.#tensors[name], this.#momentum[name]] = next.map((t) => tf.keep(t));
    }
    for (const [name, tensor] of Object.entries(updates)) {
      this.#tensors[name].dispose();
      this.#tensors[name] = tensor;
    }
    const [loss, invariance, tcr] = await Promise.all(
      losses.map(async (part) => (await part.data())[0]),
    );
    tf.dispose([rate, ...losses]);
    return { loss, invariance, tcr };
  }

  /** See {@linkcode Trainer.state}. */
  state(): Promise<State> {
    return download(this.#tensors);
  }

  /** See {@linkcode Trainer.momentum}. */
  momentum(): Promise<State> {
    return download(this.#momentum);
  }

  /** See {@linkcode Trainer.dispose}. */
  dispose(): void {
    tf.dispose([this.#tensors, this.#momentum]);
  }
}
