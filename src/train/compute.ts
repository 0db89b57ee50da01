/**
 * The training worker, seen from the main thread.
 *
 * @module
 */
import type { trainingWorker } from "../../workers/training_worker.ts";
import * as Comlink from "../deps/comlink.ts";
import type { EngineReport, EngineWish } from "../engine/engine.ts";
import { EmpSslError } from "../errors.ts";
import { Failure } from "../stream/failure.ts";

/** A running training worker. */
export interface Compute {
  /** Its calls. */
  remote: Comlink.Remote<typeof trainingWorker>;
  /** The engine that it loaded. */
  report: EngineReport;
  /** What the work gives; rejects when the worker dies. */
  guard<T>(work: Promise<T>): Promise<T>;
  /** Ends it. */
  close(): void;
}

/**
 * Starts the training worker and loads the engine in it.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE`.
 */
export async function startCompute(wish: EngineWish): Promise<Compute> {
  const worker = new Worker(
    new URL("../../workers/training_worker.ts", import.meta.url),
    { type: "module", name: "training" },
  );
  const death = new Failure();
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    death.fail(
      new EmpSslError({
        action: "go on with",
        subject: "the training worker",
        found: event.message,
        remedy: "report this with the command you ran",
        code: "WORKER_FAILED",
      }),
    );
  });
  const remote = Comlink.wrap<typeof trainingWorker>(worker);
  const close = () => worker.terminate();
  try {
    const guard: Compute["guard"] = (work) => death.guard(work);
    const report = await guard(remote.load(wish));
    return { remote, report, guard, close };
  } catch (error) {
    close();
    throw error;
  }
}
