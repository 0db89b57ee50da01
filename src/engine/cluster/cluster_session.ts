/**
 * A graph on several devices, of this process or of many, run by TensorFlow's
 * own C interface.
 *
 * @module
 */
import { EmpSslError } from "../../errors.ts";
import type { NamedFeed, Session } from "../session.ts";
import { DType } from "../trace/messages.ts";
import { checked, cString, type Fault, type TensorFlowC } from "./c_api.ts";
import { encodeSessionConfig, type SessionConfig } from "./messages.ts";

/** Where a session runs. */
export interface SessionPlace {
  /** Its devices. */
  config: SessionConfig;
  /** The address of this process's server, where there is one. */
  target?: string;
}

function typeOf({ values }: NamedFeed): number {
  if (values instanceof Uint8Array) return DType.uint8;
  return values instanceof Int32Array ? DType.int32 : DType.float;
}

function bytesOf(pointer: Deno.PointerValue, length: number) {
  if (length === 0) return new Uint8Array();
  const memory = Deno.UnsafePointerView.getArrayBuffer(pointer!, length);
  return new Uint8Array(memory);
}

/** Addresses of things, as C has them. */
const addresses = (pointers: Deno.PointerValue[]) =>
  BigUint64Array.from(pointers, (p) => Deno.UnsafePointer.value(p));

/** See {@linkcode Session}. */
export class ClusterSession implements Session {
  #c: TensorFlowC;
  #graph: Deno.PointerValue;
  #session: Deno.PointerValue;
  #operations = new Map<string, Deno.PointerValue>();

  private constructor(
    c: TensorFlowC,
    graph: Deno.PointerValue,
    session: Deno.PointerValue,
  ) {
    this.#c = c;
    this.#graph = graph;
    this.#session = session;
  }

  /**
   * Loads a graph.
   *
   * @param graphDef A GraphDef's bytes.
   * @throws {EmpSslError} `ENGINE_UNAVAILABLE` with TensorFlow's own words.
   */
  static async load(
    c: TensorFlowC,
    graphDef: Uint8Array,
    { config, target }: SessionPlace,
  ): Promise<ClusterSession> {
    const refuse = ({ message }: Fault) =>
      new EmpSslError({
        action: "put on several devices",
        subject: "the traced graph",
        found: message.slice(0, 300),
        remedy: "report this with the command you ran",
        code: "ENGINE_UNAVAILABLE",
      });
    const graph = c.TF_NewGraph();
    const definition = c.TF_NewBufferFromString(
      graphDef.slice(),
      BigInt(graphDef.length),
    );
    const importing = c.TF_NewImportGraphDefOptions();
    const options = c.TF_NewSessionOptions();
    try {
      await checked(
        c,
        (status) =>
          c.TF_GraphImportGraphDef(graph, definition, importing, status),
        refuse,
      );
      const bytes = encodeSessionConfig(config).slice();
      await checked(
        c,
        (status) =>
          c.TF_SetConfig(options, bytes, BigInt(bytes.length), status),
        refuse,
      );
      if (target !== undefined) {
        const name = cString(target);
        c.TF_SetTarget(options, Deno.UnsafePointer.of(name));
      }
      const session = await checked(
        c,
        (status) => c.TF_NewSession(graph, options, status),
        refuse,
      );
      return new ClusterSession(c, graph, session);
    } catch (error) {
      c.TF_DeleteGraph(graph);
      throw error;
    } finally {
      c.TF_DeleteSessionOptions(options);
      c.TF_DeleteImportGraphDefOptions(importing);
      c.TF_DeleteBuffer(definition);
    }
  }

  #operation(name: string): Deno.PointerValue {
    const known = this.#operations.get(name);
    if (known !== undefined) return known;
    const found = this.#c.TF_GraphOperationByName(this.#graph, cString(name));
    if (found === null) throw new Error(`the graph has no node ${name}`);
    this.#operations.set(name, found);
    return found;
  }

  /** Places in the graph as C has them: the operation, and output 0 of it. */
  #outputs(names: string[]): BigUint64Array<ArrayBuffer> {
    const outputs = new BigUint64Array(2 * names.length);
    names.forEach((name, i) => {
      outputs[2 * i] = Deno.UnsafePointer.value(this.#operation(name));
    });
    return outputs;
  }

  #tensor(feed: NamedFeed): Deno.PointerValue {
    const { shape, values } = feed;
    const tensor = this.#c.TF_AllocateTensor(
      typeOf(feed),
      BigInt64Array.from(shape, BigInt),
      shape.length,
      BigInt(values.byteLength),
    );
    const bytes = new Uint8Array(
      values.buffer,
      values.byteOffset,
      values.byteLength,
    );
    bytesOf(this.#c.TF_TensorData(tensor), values.byteLength).set(bytes);
    return tensor;
  }

  /** See {@linkcode Session.run}. */
  async run(feeds: NamedFeed[], fetches: string[]): Promise<Float32Array[]> {
    const c = this.#c;
    const inputs = feeds.map((feed) => this.#tensor(feed));
    const outputs = new BigUint64Array(fetches.length);
    // Held until the run has ended: it reads them from another thread.
    const held = {
      feeds: this.#outputs(feeds.map(({ name }) => name)),
      inputs: addresses(inputs),
      fetches: this.#outputs(fetches),
      targets: new Uint8Array(8),
    };
    try {
      await checked(
        c,
        (status) =>
          c.TF_SessionRun(
            this.#session,
            null,
            held.feeds,
            held.inputs,
            inputs.length,
            held.fetches,
            outputs,
            fetches.length,
            held.targets,
            0,
            null,
            status,
          ),
        ({ message }) =>
          new EmpSslError({
            action: "compute",
            subject: fetches.slice(0, 3).join(", "),
            found: message.slice(0, 300),
            remedy:
              "take a smaller --micro-batch, --bs or --num-patches where " +
              "memory was short; the last checkpoint is kept",
            code: "STEP_FAILED",
          }),
      );
      return Array.from(outputs, (address) => {
        const tensor = Deno.UnsafePointer.create(address);
        const bytes = Number(c.TF_TensorByteSize(tensor));
        const values = bytesOf(c.TF_TensorData(tensor), bytes).slice();
        c.TF_DeleteTensor(tensor);
        return new Float32Array(values.buffer);
      });
    } finally {
      for (const tensor of inputs) c.TF_DeleteTensor(tensor);
      held.inputs.fill(0n);
    }
  }

  /** The kinds of its devices: `CPU`, `GPU`. */
  devices(): string[] {
    const c = this.#c, status = c.TF_NewStatus();
    const list = c.TF_SessionListDevices(this.#session, status);
    const kinds = Array.from(
      { length: c.TF_DeviceListCount(list) },
      (_, i) =>
        Deno.UnsafePointerView.getCString(
          c.TF_DeviceListType(list, i, status)!,
        ),
    );
    c.TF_DeleteDeviceList(list);
    c.TF_DeleteStatus(status);
    return kinds;
  }

  /** Closes the session and frees what it holds. */
  dispose(): void {
    const c = this.#c, status = c.TF_NewStatus();
    c.TF_CloseSession(this.#session, status);
    c.TF_DeleteSession(this.#session, status);
    c.TF_DeleteStatus(status);
    c.TF_DeleteGraph(this.#graph);
  }
}
