/**
 * Chooses an engine and loads it into this thread.
 *
 * @module
 */
import { codeOf, EmpSslError, messageOf } from "../common/errors.ts";
import { loadEager, webgpuAdapter } from "./eager/load.ts";
import {
  checkWish,
  type Engine,
  type EngineName,
  ENGINES,
  type EngineWish,
} from "./engine.ts";
import { loadTensorFlow } from "./tensorflow/load.ts";

/** The warnings of the slow engines. */
const WARNINGS: Record<Exclude<EngineName, "tensorflow">, string> = {
  webgpu: "WebGPU runs the model op by op: expect a fraction of the speed of " +
    "TensorFlow",
  wasm:
    "WebAssembly runs the model op by op: expect a few patches a second where " +
    "TensorFlow makes about a hundred",
  cpu: "plain JavaScript is for small tests: expect well under one patch a " +
    "second",
};

async function hasGpu(): Promise<boolean> {
  const adapter = await webgpuAdapter();
  return adapter !== undefined && !adapter.software;
}

async function loadNamed(
  engine: EngineName,
  { precision, threads, cluster, xla }: EngineWish,
): Promise<Engine> {
  if (engine === "tensorflow") {
    return await loadTensorFlow(precision, { threads, cluster, xla });
  }
  checkWish({ engine, precision, cluster });
  const loaded = await loadEager(engine);
  loaded.report.warning = WARNINGS[engine];
  return loaded;
}

/**
 * Loads the requested engine, or the first available one of TensorFlow, a GPU
 * through WebGPU, WebAssembly and plain JavaScript. Its report warns which better
 * engines could not be loaded, and why.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`; `INVALID_ARGUMENT` for a precision
 * or replicas that the engine does not support.
 */
export async function loadEngine(
  wish: EngineWish,
): Promise<Engine> {
  checkWish(wish);
  if (wish.engine !== "auto") return await loadNamed(wish.engine, wish);
  const reasons: string[] = [];
  for (const candidate of ENGINES) {
    try {
      // WebGPU is tried only after TensorFlow has failed: a Vulkan driver and
      // TensorFlow may both contain an LLVM, and then one process cannot load both.
      if (candidate === "webgpu" && !await hasGpu()) continue;
      const engine = await loadNamed(candidate, wish);
      engine.report.warning = [...reasons, engine.report.warning]
        .filter(Boolean).join("; ") || undefined;
      return engine;
    } catch (error) {
      reasons.push(messageOf(error));
      // There is also no cache to look into where there is no home folder.
      const code = codeOf(error);
      if (code === "ENGINE_UNAVAILABLE" || code === "SETUP_FAILED") continue;
      // The flags need TensorFlow, and it is missing: its error comes first.
      if (reasons.length > 1) break;
      throw error;
    }
  }
  throw new EmpSslError({
    action: "load",
    subject: "any engine",
    found: reasons.join("; "),
    remedy: "run `deno task setup`; in a program, call setUpTensorFlow()",
    code: "ENGINE_UNAVAILABLE",
  });
}
