/**
 * The worker thread that computes, seen from the main thread; its entry point is
 * `workers/training_worker.ts`.
 *
 * @module
 */
import * as Comlink from "../deps/comlink.ts";
import { EmpSslError } from "../common/errors.ts";
import { Failure } from "../common/failure.ts";
import type { EngineReport, EngineWish } from "./engine.ts";
import { inTurn } from "./in_turn.ts";

/** The calls that the thread offers for its engine. */
export interface EngineCalls {
  /** Loads the engine. */
  load(wish: EngineWish): Promise<EngineReport>;
  /** Frees the engine's memory outside JavaScript, then ends the thread. */
  end(): Promise<void>;
}

/** A running thread with an engine. */
export interface Compute {
  /**
   * The thread's calls. Their interfaces are declared where they are used:
   * `TrainingCalls` in `train/`, `EvaluationCalls` in `evaluate/`.
   */
  calls<T>(): Comlink.Remote<T>;
  /** The engine that the thread has loaded. */
  report: EngineReport;
  /**
   * The result of a call; rejects as soon as the thread fails. `close` waits for it.
   */
  guard<T>(work: Promise<T>): Promise<T>;
  /** Like {@linkcode Compute.guard}, for calls that `close` ends. */
  unlessFailed<T>(work: Promise<T>): Promise<T>;
  /**
   * Ends the thread after all guarded promises have settled. A thread must not be
   * terminated during a TensorFlow run, which would write its results into freed
   * memory.
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
        action: "run",
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
  const unlessFailed: Compute["unlessFailed"] = (work) => death.guard(work);
  const close = async () => {
    await Promise.allSettled(pending);
    // The thread ends itself: if the program ended while a terminated thread still
    // releases a Vulkan driver, there would be a segmentation fault.
    await death.guard(remote.end()).catch(() => worker.terminate());
  };
  try {
    const load = () => guard(remote.load(wish));
    // Replicas wait for each other while they load.
    const report = await (wish.cluster ? load() : inTurn(load));
    const calls = <T>() => remote as unknown as Comlink.Remote<T>;
    return { calls, report, guard, unlessFailed, close };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
