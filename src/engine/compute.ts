/**
 * The thread that computes, seen from the main thread. It is the only one that
 * loads an engine; `workers/training_worker.ts` is its entry.
 *
 * @module
 */
import * as Comlink from "../deps/comlink.ts";
import { EmpSslError } from "../errors.ts";
import { Failure } from "../failure.ts";
import type { EngineReport, EngineWish } from "./engine.ts";

/** The call that every such thread offers. */
export interface EngineCalls {
  /** Loads the engine. */
  load(wish: EngineWish): Promise<EngineReport>;
  /** Frees what the engine holds outside JavaScript, then ends the thread. */
  end(): Promise<void>;
}

/** A running thread with an engine. */
export interface Compute {
  /**
   * Its calls. The interfaces that it implements stand where they are used:
   * `TrainingCalls` in `train/`, `EvaluationCalls` in `evaluate/`.
   */
  calls<T>(): Comlink.Remote<T>;
  /** The engine that it loaded. */
  report: EngineReport;
  /** The result of some work; rejects as soon as the thread dies. */
  guard<T>(work: Promise<T>): Promise<T>;
  /**
   * Ends it, once the guarded works have ended: a thread that TensorFlow still
   * computes for must not be terminated, since its results go into memory that
   * would be freed.
   */
  close(): Promise<void>;
}

/**
 * Starts the thread and loads the engine in it.
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
  const remote = Comlink.wrap<EngineCalls>(worker);
  const pending = new Set<Promise<unknown>>();
  const guard: Compute["guard"] = (work) => {
    const guarded = death.guard(work);
    pending.add(guarded);
    guarded.catch(() => {}).finally(() => pending.delete(guarded));
    return guarded;
  };
  const close = async () => {
    await Promise.allSettled(pending);
    // It ends itself: the program may not end while a thread that is terminated
    // still lets go of a Vulkan driver, which is a segmentation fault.
    await death.guard(remote.end()).catch(() => worker.terminate());
  };
  try {
    const report = await guard(remote.load(wish));
    const calls = <T>() => remote as unknown as Comlink.Remote<T>;
    return { calls, report, guard, close };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
