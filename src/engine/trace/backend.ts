/**
 * A tfjs backend that computes nothing: its kernels append nodes to a graph.
 * tfjs's gradient tape, run over this backend, appends the backward graph.
 *
 * @module
 */
import * as tf from "../../deps/tfjs.ts";
import { EmpSslError } from "../../common/errors.ts";
import { Rematerialization } from "./rematerialization.ts";
import { GraphBuilder, type GraphValue } from "./graph.ts";
import type { KernelSettings } from "./kernel.ts";
import { DType } from "./messages.ts";
import { type Preparations, prepared } from "./prepared_weights.ts";

/** The name under which the backend is registered. */
export const TRACE_BACKEND = "emp-ssl-trace";

interface Literal {
  values: ArrayLike<number>;
  dtype: string;
}

/** A plain loop, since the arrays may have millions of elements. */
function isUniform(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) {
    if (values[i] !== values[0]) return false;
  }
  return true;
}

function isIdentity(values: ArrayLike<number>, shape: number[]): boolean {
  const [n, columns] = shape;
  if (shape.length !== 2 || n !== columns || n! < 2) return false;
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== (i % (n! + 1) === 0 ? 1 : 0)) return false;
  }
  return true;
}

/** See the module's description. */
export class TraceBackend extends tf.KernelBackend {
  /** The graph that is being traced. */
  graph = new GraphBuilder();
  /** How its operations are computed. */
  settings: KernelSettings = { computeType: DType.float, winograd: false };
  /** How the backward pass recomputes activations. */
  rematerialization = new Rematerialization();
  /** What an encoder keeps: see `prepared_weights.ts`; undefined in a training step. */
  preparations?: Preparations;
  #values = new WeakMap<object, GraphValue>();
  #literals = new WeakMap<object, Literal>();

  /** Starts another graph. */
  begin(settings: KernelSettings, keepsAll = false): void {
    this.settings = settings;
    this.rematerialization = new Rematerialization(keepsAll);
    this.graph = new GraphBuilder();
    this.preparations = undefined;
  }

  /** A value in the type of convolutions and dense layers; an encoder keeps weights so. */
  inComputeType(value: GraphValue): GraphValue {
    const cast = this.graph.cast(value, this.settings.computeType);
    return value.variable ? prepared(this, cast) : cast;
  }

  /** A tfjs tensor that represents a value of the graph. */
  tensor(value: GraphValue): tf.Tensor {
    return tf.engine().makeTensorFromDataId(
      this.put(value) as tf.DataId,
      value.shape,
      value.dtype === DType.bool ? "bool" : "float32",
    );
  }

  /** Stores a value; returns its data id in tfjs. */
  put(value: GraphValue): object {
    const id = {};
    this.#values.set(id, value);
    return id;
  }

  /** The value of the graph that a tfjs tensor represents. */
  value({ dataId, shape }: tf.TensorInfo): GraphValue {
    const found = this.#values.get(dataId);
    if (found !== undefined) return found;
    const literal = this.#literals.get(dataId);
    if (literal === undefined) throw new Error("a tensor of another backend");
    const made = this.#enter(literal, [...shape]);
    this.#values.set(dataId, made);
    return made;
  }

  /**
   * Adds a literal. Uniform arrays, such as tfjs's ones, become `Fill` nodes, and
   * identity matrices `MatrixDiag` nodes.
   */
  #enter({ values, dtype }: Literal, shape: number[]): GraphValue {
    if (dtype === "int32") {
      return this.graph.constant(DType.int32, shape, values);
    }
    if (isIdentity(values, shape)) return this.graph.identity(shape[0]!);
    return values.length > 1 && isUniform(values)
      ? this.graph.fill(shape, values[0]!)
      : this.graph.constant(DType.float, shape, values);
  }

  /** Stores a constant of the model, which is added to the graph when it is used. */
  override write(
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
  ): tf.DataId {
    const id = {};
    this.move(id, values, shape, dtype);
    return id as tf.DataId;
  }

  /** As {@linkcode TraceBackend.write}, for an id that exists. */
  override move(
    id: tf.DataId,
    values: tf.BackendValues,
    _shape: number[],
    dtype: tf.DataType,
  ): void {
    this.#literals.set(id, {
      values: values as unknown as ArrayLike<number>,
      dtype,
    });
  }

  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override disposeData(): boolean {
    return true;
  }
  override incRef(): void {}
  override refCount(): number {
    return 1;
  }
  override numDataIds(): number {
    return 0;
  }
  override readSync(): never {
    throw new EmpSslError({
      action: "trace",
      subject: "the model",
      found: "it reads the value of a tensor",
      remedy: "use only operations on tensors",
      code: "ENGINE_UNAVAILABLE",
    });
  }
  override read(): Promise<never> {
    return Promise.resolve().then(() => this.readSync());
  }
}
