/** The TensorFlow engine for tests, or the reason why there is none. */
import type { Precision } from "../../src/engine/engine.ts";
import type { GraphEngine } from "../../src/engine/tensorflow/graph_engine.ts";
import { loadTensorFlow } from "../../src/engine/tensorflow/load.ts";
import { messageOf } from "../../src/errors.ts";

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

/** Loads the engine once for each precision. */
export function useTensorFlow(precision: Precision): Promise<EngineForTest> {
  let found = loaded.get(precision);
  if (found === undefined) {
    found = loadTensorFlow(precision).then(
      (engine) => ({ ignore: false, reason: "", engine }),
      (error) => ({ ignore: true, reason: ` (skipped: ${messageOf(error)})` }),
    );
    loaded.set(precision, found);
  }
  return found;
}
