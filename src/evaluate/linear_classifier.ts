/**
 * A linear classifier and its SGD step with momentum and weight decay, as with
 * PyTorch's `nn.Linear`, `CrossEntropyLoss` and `SGD`.
 *
 * @module
 */
import * as tf from "../deps/tfjs.ts";

/** The constants of SGD. */
export interface SgdOptions {
  /** Momentum. */
  momentum: number;
  /** Weight decay, of the weights and of the bias. */
  weightDecay: number;
}

/**
 * logits = x·Wᵀ + b. There is no momentum buffer: momentum is the difference of the last
 * two parameter values, so that a step passes over the weights in four operations:
 * p′ = (1 + m·r − lr·wd)·p − m·r·(the previous p) − lr·g, where r is this step's learning
 * rate divided by the last step's.
 */
export class LinearClassifier {
  #now: tf.Tensor[];
  #before: tf.Tensor[];
  #lr: number | undefined;
  readonly #options: SgdOptions;
  readonly #classes: number;

  /**
   * @param weights W, `[classes, width]`, row by row.
   * @param bias b, `[classes]`.
   * @param options See {@linkcode SgdOptions}.
   */
  constructor(weights: Float32Array, bias: Float32Array, options: SgdOptions) {
    this.#classes = bias.length;
    this.#now = [
      tf.tensor(weights, [bias.length, weights.length / bias.length]),
      tf.tensor(bias, [bias.length]),
    ];
    this.#before = this.#now.map((p) => tf.clone(p));
    this.#options = options;
  }

  /** The logits of rows, `[rows, classes]`; the caller disposes of them. */
  logits(rows: Float32Array): tf.Tensor2D {
    return tf.tidy(() => this.#logits(this.#tensor(rows)));
  }

  /** One SGD step on the mean cross-entropy of a batch. */
  step(rows: Float32Array, labels: Int32Array, lr: number): void {
    const { momentum, weightDecay } = this.#options;
    const carried = momentum * lr / (this.#lr ?? lr);
    const next = tf.tidy(() => {
      const x = this.#tensor(rows);
      const targets = tf.oneHot(
        tf.tensor1d(labels, "int32"),
        this.#classes,
        1,
        0,
        "float32",
      );
      const error = tf.sub(tf.softmax(this.#logits(x)), targets);
      // The learning rate scales `error`, which is smaller than the gradient.
      const scaled = tf.mul(error, -lr / labels.length) as tf.Tensor2D;
      const moves = [tf.matMul(scaled, x, true), tf.sum(scaled, 0)];
      return this.#now.map((p, i) =>
        tf.addN([
          tf.mul(p, 1 + carried - lr * weightDecay),
          tf.mul(this.#before[i]!, -carried),
          moves[i]!,
        ])
      );
    });
    tf.dispose(this.#before);
    this.#before = this.#now;
    this.#now = next;
    this.#lr = lr;
  }

  /** The weights and the bias. */
  async parameters(): Promise<Float32Array[]> {
    return await Promise.all(
      this.#now.map((p) => p.data() as Promise<Float32Array>),
    );
  }

  /** Frees its tensors. */
  [Symbol.dispose](): void {
    tf.dispose([this.#now, this.#before]);
  }

  #tensor(rows: Float32Array): tf.Tensor2D {
    const width = this.#now[0]!.shape[1]!;
    return tf.tensor2d(rows, [rows.length / width, width]);
  }

  #logits(x: tf.Tensor2D): tf.Tensor2D {
    const [weights, bias] = this.#now as [tf.Tensor2D, tf.Tensor1D];
    return tf.add(tf.matMul(x, weights, false, true), bias);
  }
}
