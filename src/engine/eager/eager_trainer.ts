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
import { isFilter, muonStep } from "../../model/muon.ts";
import { methodOf } from "../../model/methods/methods.ts";
import { targetOf } from "../../model/methods/target.ts";
import { initialKept, keptSpecs, tensorSpecs } from "../../model/parameters.ts";
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
  #kept: Tensors;

  /** Uploads the state; momentum is zero by default. */
  constructor(options: TrainerOptions, state: State, optimizerState?: State) {
    const specs = tensorSpecs(options.model);
    const trainable = specs.filter(isTrainable);
    this.#options = options;
    this.#trainable = trainable.map((spec) => spec.name);
    this.#tensors = upload(specs, state);
    this.#kept = upload(
      keptSpecs(options.model),
      initialKept(options.model, state, 0, optimizerState),
    );
    this.#momentum = optimizerState?.has(this.#trainable[0]!)
      ? upload(trainable, optimizerState)
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
    scalars: Record<string, number> = {},
  ): Promise<StepResult> {
    const { patches, microBatch = patches } = this.#options;
    const parts = patches / microBatch, size = values.length / parts;
    const batches = Array.from(
      { length: parts },
      (_, i) => values.subarray(i * size, (i + 1) * size),
    );
    const losses = parts === 1
      ? this.#whole(batches[0]!, learningRate, scalars)
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
    // 16-bit values arrive as bytes.
    const wide = kind?.bits === 16 && values instanceof Uint8Array;
    const rows = values.length /
      (side * side * model.channels * (wide ? 2 : 1));
    return patchTensor(values, [rows, side, side, model.channels], kind);
  }

  /** EMP-SSL's loss of the whole batch; stores it, its terms and the Gram matrix. */
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

  /** A step of the method on the whole batch at once. */
  #whole(
    patches: Uint8Array | Float32Array,
    rate: number,
    numbers: Record<string, number>,
  ): tf.Tensor[] {
    const { model, loss, patches: views } = this.#options;
    const method = methodOf(model), shown: tf.Tensor[] = [];
    const scalars = Object.fromEntries(
      Object.entries(numbers).map(([name, value]) => [name, tf.scalar(value)]),
    );
    const x = this.#patches(patches), scope = scopeOf(this.#tensors, true);
    const kept: Tensors = {};
    const names = this.#trainable;
    const { grads, value } = tf.valueAndGrads((...values: tf.Tensor[]) => {
      const tensors = { ...this.#tensors };
      names.forEach((name, i) => tensors[name] = values[i]!);
      const found = method.step({
        scope: { ...scope, tensors },
        ...{ x, views, model, loss, scalars, kept: this.#kept },
        gather: (rows) => rows,
      });
      for (
        const part of [found.loss, found.invariance, found.tcr, found.gram]
      ) shown.push(tf.keep(tf.clone(part)));
      for (const [name, tensor] of Object.entries(found.kept)) {
        kept[name] = tf.keep(tensor);
      }
      return found.loss as tf.Scalar;
    })(names.map((name) => this.#tensors[name]!));
    tf.dispose([x, value]);
    this.#keepStatistics(scope.updates);
    this.#update(grads, rate, (name) => scalars[method.gates?.[name] ?? ""]);
    for (const [name, tensor] of Object.entries(kept)) {
      this.#kept[name]!.dispose();
      this.#kept[name] = tensor;
    }
    for (const name of names) this.#follow(name, scalars.tau);
    tf.dispose(scalars);
    return shown;
  }

  /** target ← τ·target + (1 − τ)·parameter. */
  #follow(name: string, tau: tf.Tensor | undefined): void {
    const target = this.#kept[targetOf(name)];
    if (target === undefined) return;
    this.#kept[targetOf(name)] = tf.keep(tf.tidy(() =>
      tf.add(
        tf.mul(target, tau!),
        tf.mul(this.#tensors[name]!, tf.sub(1, tau!)),
      )
    ));
    target.dispose();
  }

  /** GradCache: see `traceMicroBatchStep`. */
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

  /** LARS and SGD, or Muon; frees the gradients. */
  #update(
    gradients: tf.Tensor[],
    learningRate: number,
    gateOf: (name: string) => tf.Tensor | undefined = () => undefined,
  ): void {
    const { optimizer } = this.#options;
    const rate = tf.scalar(learningRate);
    this.#trainable.forEach((name, i) => {
      const parameter = this.#tensors[name]!, buffer = this.#momentum[name]!;
      const gradient = gradients[i]!;
      const gate = gateOf(name);
      const options = { ...optimizer, learningRate: rate };
      const next = tf.tidy(() => {
        if (optimizer.muon !== undefined && isFilter(parameter)) {
          const muon = { ...options, trust: optimizer.muon };
          return { ...muonStep(parameter, buffer, gradient, muon) };
        }
        const scaled = larsGradient(parameter, gradient, rate, optimizer);
        const gated = gate ? tf.mul(scaled, gate) : scaled;
        return { ...sgdStep(parameter, buffer, gated, options) };
      });
      tf.dispose([parameter, buffer, gradient]);
      this.#tensors[name] = tf.keep(next.parameter);
      this.#momentum[name] = tf.keep(next.buffer);
    });
    rate.dispose();
  }

  /** See {@linkcode Trainer.state}. */
  state(): Promise<State> {
    return download(this.#tensors);
  }

  /** See {@linkcode Trainer.optimizerState}. */
  async optimizerState(): Promise<State> {
    return new Map([
      ...await download(this.#momentum),
      ...await download(this.#kept),
    ]);
  }

  /** See {@linkcode Trainer.dispose}. */
  dispose(): void {
    tf.dispose([this.#tensors, this.#momentum, this.#kept]);
  }
}
