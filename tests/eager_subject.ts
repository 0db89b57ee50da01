/** An engine over a backend of tfjs for tests, or the reason why it is not there. */
import { type EagerName, loadEager } from "../src/engine/eager/load.ts";
import { messageOf } from "../src/errors.ts";
import type { Subject } from "./parity.ts";

/** Loads an engine; one for each test file, since tfjs has one backend set. */
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
    const reason = ` (skipped: ${messageOf(error)})`;
    return { name, ignore: true, reason };
  }
}
