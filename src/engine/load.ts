/**
 * Chooses an engine and loads it into this thread.
 *
 * @module
 */
import { codeOf, EmpSslError, messageOf } from "../errors.ts";
import { loadEager, webgpuAdapter } from "./eager/load.ts";
import {
  checkWish,
  type Engine,
  type EngineName,
  ENGINES,
  type EngineWish,
} from "./engine.ts";
import { loadTensorFlow } from "./tensorflow/load.ts";

/** What a user is told about engines that are slow. */
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
 * Loads an engine: the one that is asked for, or the best that there is:
 * TensorFlow, a GPU through WebGPU, WebAssembly, plain JavaScript. Its report
 * warns of the better ones that could not be loaded, with the reason.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`; `INVALID_ARGUMENT` for a
 * precision that the engine does not have.
 */
export async function loadEngine(
  wish: EngineWish,
): Promise<Engine> {
  if (wish.engine !== "auto") return await loadNamed(wish.engine, wish);
  const complaints: string[] = [];
  for (const candidate of ENGINES) {
    try {
      // Asked for only now: a Vulkan driver and TensorFlow may both bring an
      // LLVM, and then one process cannot hold them both.
      if (candidate === "webgpu" && !await hasGpu()) continue;
      const engine = await loadNamed(candidate, wish);
      engine.report.warning = [...complaints, engine.report.warning]
        .filter(Boolean).join("; ") || undefined;
      return engine;
    } catch (error) {
      if (codeOf(error) !== "ENGINE_UNAVAILABLE") throw error;
      complaints.push(messageOf(error));
    }
  }
  throw new EmpSslError({
    action: "load",
    subject: "any engine",
    found: complaints.join("; "),
    remedy: "run `deno task setup`",
    code: "ENGINE_UNAVAILABLE",
  });
}
