/** The TensorFlow engine for tests, or the reason why there is none. */
import type { Precision } from "../../src/engine/engine.ts";
import type { GraphEngine } from "../../src/engine/tensorflow/graph_engine.ts";
import { installedLibraries } from "../../src/engine/setup/locate.ts";
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import { messageOf } from "../../src/common/errors.ts";

/** What a test that needs the engine uses in its declaration. */
export interface EngineForTest {
  /** Whether there is no engine. */
  ignore: boolean;
  /** To be shown after the test's name. */
  reason: string;
  /** The engine, if there is one. */
  engine?: GraphEngine;
}

const loaded = new Map<string, Promise<EngineForTest>>();

/** Rethrows an error of an installed library; otherwise, the reason for a skip. */
async function whyMissing(error: unknown): Promise<EngineForTest> {
  if ((await installedLibraries(["gpu", "cpu"])).length > 0) throw error;
  return { ignore: true, reason: ` (skipped: ${messageOf(error)})` };
}

/** Loads the engine once for each precision. */
export function useTensorFlow(precision: Precision): Promise<EngineForTest> {
  let found = loaded.get(precision);
  if (found === undefined) {
    found = loadTensorFlow(precision).then(
      (engine) => ({ ignore: false, reason: "", engine }),
      whyMissing,
    );
    loaded.set(precision, found);
  }
  return found;
}
