/**
 * ONNX Runtime, which checks what is exported for it. It is loaded on first use.
 *
 * @module
 */

/** A tensor of ONNX Runtime. */
interface OnnxTensor {
  data: Float32Array;
}

/** The part of the package that is used. */
interface OnnxRuntime {
  InferenceSession: {
    create(model: Uint8Array, options: object): Promise<{
      run(feeds: Record<string, unknown>): Promise<Record<string, OnnxTensor>>;
      release(): Promise<void>;
    }>;
  };
  Tensor: new (type: "float32", data: Float32Array, dims: number[]) => unknown;
}

/** Not a literal in import(), or Deno would download its 290 MB for every user. */
const PACKAGE = "npm:onnxruntime-node@1.30.0";

/**
 * Loads ONNX Runtime without its telemetry, which would keep a device id and the
 * program's path in the user's cache folder.
 */
export async function loadOnnxRuntime(): Promise<OnnxRuntime> {
  Deno.env.set("ORT_DISABLE_TELEMETRY", "1");
  return await import(PACKAGE) as OnnxRuntime;
}
