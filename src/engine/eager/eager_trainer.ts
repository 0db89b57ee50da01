/**
 * Training op by op.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { embed } from "../../model/encoder.ts";
import { larsGradient } from "../../model/lars.ts";
import { scopeOf } from "../../model/layers.ts";
import { empSslLoss } from "../../model/loss.ts";
import { tensorSpecs } from "../../model/parameters.ts";
import { isTrainable, type State } from "../../model/tensors.ts";
import { sgdStep } from "../../model/sgd.ts";
import type { StepResult, Trainer, TrainerOptions } from "../engine.ts";
import { download, patchTensor, type Tensors, upload } from "./tensors.ts";

/** See the module's description. */
export class EagerTrainer implements Trainer {
  #options: TrainerOptions;
  #trainable: string[];
  #tensors: Tensors;
  #momentum: Tensors;

  /** Uploads the state; without momentum it starts from zero. */
  constructor(options: TrainerOptions, state: State, momentum?: State) {
    const specs = tensorSpecs(options.model);
    const trainable = specs.filter(isTrainable);
    this.#options = options;
    this.#trainable = trainable.map((spec) => spec.name);
    this.#tensors = upload(specs, state);
    this.#momentum = momentum
      ? upload(trainable, momentum)
      : Object.fromEntries(trainable.map(({ name, shape }) => [
        name,
        tf.keep(tf.zeros(shape)),
      ]));
  }

  /**
   * See {@linkcode Trainer.step}.
   *
   * @param values Bytes, or floats already in [−1, 1].
   */
  async step(
    values: Uint8Array | Float32Array,
    learningRate: number,
    stop = false,
  ): Promise<StepResult> {
    const { patches, microBatch = patches } = this.#options;
    const parts = patches / microBatch, size = values.length / parts;
    const batches = Array.from(
      { length: parts },
      (_, i) => values.subarray(i * size, (i + 1) * size),
    );
    const losses = parts === 1
      ? this.#whole(batches[0]!, learningRate)
      : this.#inParts(batches, learningRate);
    const numbers = await Promise.all(
      losses.map(async (part) => await part.data() as Float32Array),
    );
    tf.dispose(losses);
    const [loss, invariance, tcr] = numbers.map((value) => value[0]) as [
      number,
      number,
      number,
    ];
    return { loss, invariance, tcr, gram: numbers[3]!, stopping: stop };
  }

  /** The network over some patches, as a function of the parameters. */
  #network(x: tf.Tensor): {
    parameters: tf.Tensor[];
    embed: (...values: tf.Tensor[]) => tf.Tensor;
    updates: Tensors;
  } {
    const scope = scopeOf(this.#tensors, true);
    return {
      parameters: this.#trainable.map((name) => this.#tensors[name]!),
      embed: (...values) => {
        const tensors = { ...this.#tensors };
        this.#trainable.forEach((name, i) => tensors[name] = values[i]!);
        return embed({ ...scope, tensors }, x, this.#options.model);
      },
      updates: scope.updates,
    };
  }

  #patches(values: Uint8Array | Float32Array): tf.Tensor {
    const { patchSize: side, model, values: kind } = this.#options;
    // Numbers of 16 bits come as bytes.
    const wide = kind?.bits === 16 && values instanceof Uint8Array;
    const rows = values.length /
      (side * side * model.channels * (wide ? 2 : 1));
    return patchTensor(values, [rows, side, side, model.channels], kind);
  }

  /** Loss, invariance, TCR and Gram matrix of the whole batch, kept. */
  #losses(z: tf.Tensor, kept: tf.Tensor[]): tf.Scalar {
    const { loss, patches } = this.#options;
    const losses = empSslLoss(z, { ...loss, patches });
    kept.push(
      ...[losses.loss, losses.invariance, losses.tcr, losses.gram].map((part) =>
        tf.keep(tf.clone(part))
      ),
    );
    return losses.loss as tf.Scalar;
  }

  /** A step on the whole batch at once. */
  #whole(values: Uint8Array | Float32Array, rate: number): tf.Tensor[] {
    const x = this.#patches(values), kept: tf.Tensor[] = [];
    const { parameters, embed, updates } = this.#network(x);
    const { grads, value } = tf.valueAndGrads((...values: tf.Tensor[]) =>
      this.#losses(embed(...values), kept)
    )(parameters);
    tf.dispose([x, value]);
    this.#keepStatistics(updates);
    this.#update(grads, rate);
    return kept;
  }

  /** GradCache: see `traceMicroBatchTrainer`. */
  #inParts(
    batches: (Uint8Array | Float32Array)[],
    rate: number,
  ): tf.Tensor[] {
    const parts = batches.map((values) =>
      tf.tidy(() => {
        const { parameters, embed, updates } = this.#network(
          this.#patches(values),
        );
        const z = embed(...parameters);
        tf.dispose(updates);
        return z;
      })
    );
    const kept: tf.Tensor[] = [];
    const gradients = tf.tidy(() =>
      tf.split(
        tf.grad((z: tf.Tensor) => this.#losses(z, kept))(tf.concat(parts)),
        parts.length,
      )
    );
    tf.dispose(parts);
    let sums: tf.Tensor[] | undefined;
    batches.forEach((values, i) => {
      const x = this.#patches(values);
      const { parameters, embed, updates } = this.#network(x);
      const grads = tf.grads(embed)(parameters, gradients[i]);
      this.#keepStatistics(updates);
      const before = sums;
      sums = before?.map((sum, j) => tf.add(sum, grads[j]!)) ?? grads;
      if (before !== undefined) tf.dispose([before, grads]);
      tf.dispose([x, gradients[i]]);
    });
    this.#update(sums!, rate);
    return kept;
  }

  #keepStatistics(updates: Tensors): void {
    for (const [name, tensor] of Object.entries(updates)) {
      this.#tensors[name]!.dispose();
      this.#tensors[name] = tensor;
    }
  }

  /** LARS and SGD; frees the gradients. */
  #update(gradients: tf.Tensor[], learningRate: number): void {
    const { optimizer } = this.#options;
    const rate = tf.scalar(learningRate);
    this.#trainable.forEach((name, i) => {
      const parameter = this.#tensors[name]!, buffer = this.#momentum[name]!;
      const gradient = gradients[i]!;
      const next = tf.tidy(() => {
        const { parameter: p, buffer: b } = sgdStep(
          parameter,
          buffer,
          larsGradient(parameter, gradient, rate, optimizer),
          { learningRate: rate, momentum: optimizer.momentum },
        );
        return { parameter: p, buffer: b };
      });
      tf.dispose([parameter, buffer, gradient]);
      this.#tensors[name] = tf.keep(next.parameter);
      this.#momentum[name] = tf.keep(next.buffer);
    });
    rate.dispose();
  }

  /** z of a batch in training mode, without any update. */
  async embed(values: Uint8Array | Float32Array): Promise<Float32Array> {
    const z = tf.tidy(() => {
      const { parameters, embed, updates } = this.#network(
        this.#patches(values),
      );
      const z = embed(...parameters);
      tf.dispose(updates);
      return z;
    });
    const data = await z.data<"float32">() as Float32Array;
    z.dispose();
    return data;
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
