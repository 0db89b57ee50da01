/** An engine on a backend of tfjs for tests, or the reason why there is none. */
import { type EagerName, loadEager } from "../src/engine/eager/load.ts";
import { messageOf } from "../src/common/errors.ts";
import type { Subject } from "./parity.ts";

/** Loads an engine; only one per test file, since tfjs has one current backend. */
export async function eagerSubject(name: EagerName): Promise<Subject> {
  try {
    const engine = await loadEager(name);
    const { deviceName } = engine.report;
    return {
      name: `${name} on ${deviceName}`,
      ignore: false,
      reason: "",
      engine,
    };
  } catch (error) {
    // Only a GPU may be missing: the other two run everywhere.
    if (name !== "webgpu") throw error;
    const reason = ` (skipped: ${messageOf(error)})`;
    return { name, ignore: true, reason };
  }
}
