/**
 * A graph in a session of TensorFlow: on one device, on several of this process,
 * or on those of many processes.
 *
 * @module
 */
import { EmpSslError, messageOf } from "../../common/errors.ts";
import { sizeOf } from "../../model/tensors.ts";
import { cString, type TensorFlowC } from "./c_api.ts";
import { type Device, readDevices } from "./devices.ts";
import { type SessionTarget, withSessionOptions } from "./session_target.ts";
import { withStatus, withStatusAsync } from "./status.ts";
import { stepError } from "./step_error.ts";
import { copyToTensor, dtypeOf, type Feed, takeTensor } from "./tensor.ts";

/** A value to feed. */
export interface NamedFeed {
  /** Name of the placeholder. */
  name: string;
  /** Its shape. */
  shape: number[];
  /** Its values in row-major order. */
  values: Feed;
  /**
   * Whether TensorFlow may read the values in place, without a copy. Not for
   * values that the graph assigns to a variable: the variable would share their
   * memory, which the garbage collector frees.
   */
  inPlace?: boolean;
}

/** The tag of the inference graph in a SavedModel. */
const SERVE_STRING = cString("serve");

/** An array of pointers, to pass to C. */
function pointerArray(pointers: Deno.PointerValue[]) {
  return BigUint64Array.from(pointers, (p) => Deno.UnsafePointer.value(p));
}

function loadError(subject: string, error: unknown): EmpSslError {
  return new EmpSslError({
    action: "load",
    subject,
    found: messageOf(error).slice(0, 300),
    remedy: "report this with the command you ran",
    code: "ENGINE_UNAVAILABLE",
    cause: error,
  });
}

/** See the module's description. */
export class GraphSession implements Disposable {
  #c: TensorFlowC;
  #graph: Deno.PointerValue;
  #session: Deno.PointerValue;
  #operations = new Map<string, Deno.PointerValue>();
  /** Runs that have not ended; the session is freed after the last one. */
  #running = 0;
  #disposed = false;

  private constructor(
    c: TensorFlowC,
    graph: Deno.PointerValue,
    session: Deno.PointerValue,
  ) {
    this.#c = c;
    this.#graph = graph;
    this.#session = session;
  }

  /** A session over a new graph, which `create` fills. */
  static #over(
    c: TensorFlowC,
    subject: string,
    create: (graph: Deno.PointerValue) => Deno.PointerValue,
  ): GraphSession {
    const graph = c.TF_NewGraph();
    try {
      return new GraphSession(c, graph, create(graph));
    } catch (error) {
      c.TF_DeleteGraph(graph);
      throw loadError(subject, error);
    }
  }

  /**
   * Loads a graph.
   *
   * @param graphDef A serialised GraphDef.
   * @throws {EmpSslError} `ENGINE_UNAVAILABLE` with TensorFlow's message.
   */
  static load(
    c: TensorFlowC,
    graphDef: Uint8Array<ArrayBuffer>,
    target: SessionTarget,
  ): GraphSession {
    return GraphSession.#over(c, "the traced graph", (graph) => {
      const length = BigInt(graphDef.length);
      const definition = c.TF_NewBufferFromString(graphDef, length);
      const options = c.TF_NewImportGraphDefOptions();
      try {
        withStatus(
          c,
          (status) =>
            c.TF_GraphImportGraphDef(graph, definition, options, status),
        );
      } finally {
        c.TF_DeleteImportGraphDefOptions(options);
        c.TF_DeleteBuffer(definition);
      }
      return withSessionOptions(
        c,
        target,
        (options) =>
          withStatus(c, (status) => c.TF_NewSession(graph, options, status)),
      );
    });
  }

  /**
   * Loads a SavedModel's folder.
   *
   * @throws {EmpSslError} `ENGINE_UNAVAILABLE` with TensorFlow's message.
   */
  static loadSavedModel(
    c: TensorFlowC,
    folder: string,
    target: SessionTarget,
  ): GraphSession {
    return GraphSession.#over(
      c,
      folder,
      (graph) =>
        withSessionOptions(c, target, (options) => {
          const tags = pointerArray([Deno.UnsafePointer.of(SERVE_STRING)]);
          return withStatus(c, (status) =>
            c.TF_LoadSessionFromSavedModel(
              options,
              null,
              cString(folder),
              tags,
              1,
              graph,
              null,
              status,
            ));
        }),
    );
  }

  #operation(name: string): Deno.PointerValue {
    const known = this.#operations.get(name);
    if (known !== undefined) return known;
    const found = this.#c.TF_GraphOperationByName(this.#graph, cString(name));
    if (found === null) throw new Error(`the graph has no node ${name}`);
    this.#operations.set(name, found);
    return found;
  }

  /** `TF_Output` structs: the operation, and its output 0. */
  #outputs(names: string[]): BigUint64Array<ArrayBuffer> {
    const outputs = new BigUint64Array(2 * names.length);
    names.forEach((name, i) => {
      outputs[2 * i] = Deno.UnsafePointer.value(this.#operation(name));
    });
    return outputs;
  }

  /**
   * A tensor with a copy of an array, or over the array's memory: on a CPU
   * TensorFlow reads that memory directly if it is aligned to 64 bytes; for a GPU
   * it is copied once.
   */
  #feed({ name, shape, values, inPlace }: NamedFeed): Deno.PointerValue {
    const c = this.#c;
    const wanted = sizeOf(shape);
    // Otherwise TensorFlow would read beyond the array or abort the process.
    if (values.length !== wanted) {
      throw new EmpSslError({
        action: "compute with",
        subject: name,
        found: `it has ${values.length} values (expected ${shape.join(" × ")})`,
        remedy: "give the values of exactly one batch",
        code: "INVALID_ARGUMENT",
      });
    }
    if (!inPlace) return copyToTensor(c, dtypeOf(values), shape, values);
    return c.TF_NewTensor(
      dtypeOf(values),
      BigInt64Array.from(shape, BigInt),
      shape.length,
      Deno.UnsafePointer.of(values as Uint8Array<ArrayBuffer>),
      BigInt(values.byteLength),
      c.noDeallocation,
      null,
    );
  }

  /**
   * Runs a part of the graph on another thread.
   *
   * @param feeds Values that are read in place must not change until the run has
   * ended.
   * @param fetches Names of nodes; the first output of each is fetched and must be
   * of type float.
   * @returns The values in row-major order, in the order of `fetches`.
   * @throws {EmpSslError} See {@linkcode stepError}.
   */
  async run(feeds: NamedFeed[], fetches: string[]): Promise<Float32Array[]> {
    const c = this.#c;
    const session = this.#live();
    const tensors: Deno.PointerValue[] = [];
    const outputs = new BigUint64Array(fetches.length);
    // These arrays stay referenced until the run has ended: the other thread
    // reads and writes them.
    const args = {
      feeds,
      inputs: this.#outputs(feeds.map(({ name }) => name)),
      tensors: new BigUint64Array(feeds.length),
      fetches: this.#outputs(fetches),
      targets: new Uint8Array(8),
    };
    this.#running++;
    try {
      for (const feed of feeds) tensors.push(this.#feed(feed));
      args.tensors.set(pointerArray(tensors));
      await withStatusAsync(c, (status) =>
        c.TF_SessionRun(
          session,
          null,
          args.inputs,
          args.tensors,
          tensors.length,
          args.fetches,
          outputs,
          fetches.length,
          args.targets,
          0,
          null,
          status,
        ));
    } catch (error) {
      throw stepError(error, fetches);
    } finally {
      for (const tensor of tensors) c.TF_DeleteTensor(tensor);
      args.feeds = [];
      this.#running--;
      if (this.#disposed) this.#freeIfIdle();
    }
    return Array.from(
      outputs,
      (address) =>
        new Float32Array(takeTensor(c, Deno.UnsafePointer.create(address))),
    );
  }

  /** The session; an error after it has been closed, instead of a crash. */
  #live(): Deno.PointerValue {
    if (!this.#disposed) return this.#session;
    throw new EmpSslError({
      action: "compute with",
      subject: "the model",
      found: "it has been disposed of",
      remedy: "load it again",
      code: "INVALID_ARGUMENT",
    });
  }

  /** The devices that the session can use. */
  devices(): Device[] {
    const c = this.#c;
    return readDevices(
      c,
      withStatus(c, (status) => c.TF_SessionListDevices(this.#live(), status)),
    );
  }

  /**
   * Refuses further runs; closes the session and frees the graph, its variables and its
   * resources as soon as the runs of other callers have ended.
   */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#freeIfIdle();
  }

  #freeIfIdle(): void {
    const c = this.#c, session = this.#session;
    if (session === null || this.#running > 0) return;
    this.#session = null;
    try {
      withStatus(c, (status) => c.TF_CloseSession(session, status));
    } finally {
      withStatus(c, (status) => c.TF_DeleteSession(session, status));
      c.TF_DeleteGraph(this.#graph);
    }
  }
}
