/**
 * A TensorFlow graph on one device, run by the binding of tfjs-node.
 *
 * @module
 */
import type { Binding, TensorMetadata } from "../../deps/tfjs_node.ts";
import { EmpSslError, messageOf } from "../../errors.ts";
import type { NamedFeed, Session } from "../session.ts";

/** See {@linkcode Session}. */
export class GraphSession implements Session {
  #binding: Binding;
  #id: number;

  private constructor(binding: Binding, id: number) {
    this.#binding = binding;
    this.#id = id;
  }

  /** Loads a SavedModel's bytes. */
  static load(binding: Binding, savedModel: Uint8Array): GraphSession {
    // TensorFlow loads from a folder only.
    const folder = Deno.makeTempDirSync({ prefix: "emp-ssl-graph-" });
    try {
      Deno.writeFileSync(`${folder}/saved_model.pb`, savedModel);
      return new GraphSession(binding, binding.loadSavedModel(folder, "serve"));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }

  /** See {@linkcode Session.run}; bytes are read where they lie. */
  run(feeds: NamedFeed[], fetches: string[]): Float32Array[] {
    const binding = this.#binding;
    const inputs = feeds.map(({ shape, values }) =>
      binding.createTensor(
        shape,
        values instanceof Uint8Array
          ? binding.TF_UINT8
          : values instanceof Int32Array
          ? binding.TF_INT32
          : binding.TF_FLOAT,
        values,
      )
    );
    try {
      const outputs = this.#compute(inputs, feeds, fetches);
      return outputs.map(({ id }) => {
        const values = binding.tensorDataSync(id) as Float32Array;
        binding.deleteTensor(id);
        return values;
      });
    } finally {
      for (const id of inputs) binding.deleteTensor(id);
    }
  }

  #compute(
    inputs: number[],
    feeds: { name: string }[],
    fetches: string[],
  ): TensorMetadata[] {
    try {
      return this.#binding.runSavedModel(
        this.#id,
        inputs,
        feeds.map((feed) => feed.name).join(),
        fetches.join(),
      );
    } catch (error) {
      const message = messageOf(error).replace(/\s+/g, " ");
      const short = /OOM|exhausted|out of memory|allocat/i.test(message);
      throw new EmpSslError({
        action: "compute",
        subject: fetches.slice(0, 3).join(", "),
        found: short
          ? `the device is out of memory (${message.slice(0, 200)})`
          : message.slice(0, 300),
        remedy: "take a smaller --micro-batch, --bs or --num-patches; " +
          "the last checkpoint is kept",
        code: "STEP_FAILED",
        cause: error,
      });
    }
  }

  /** Frees the graph and its variables. */
  dispose(): void {
    this.#binding.deleteSavedModel(this.#id);
  }
}
