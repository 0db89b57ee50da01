/**
 * A run from its choices to its end, in a single process or in one of several.
 *
 * @module
 */
import type { EngineReport } from "../engine/engine.ts";
import { checkNames, type NamesOf } from "../common/choice_names.ts";
import { EmpSslError } from "../common/errors.ts";
import { checkInitialWeights } from "../checkpoint/initial_weights.ts";
import { modelOf } from "../model/model_of.ts";
import { tensorSpecs } from "../model/parameters.ts";
import { microBatchOf } from "./batch.ts";
import { dataName } from "../data/own_data.ts";
import { atMost } from "../common/call_options.ts";
import { existsSync } from "../common/files.ts";
import type { PrepareEvent } from "../data/prepare.ts";
import { checkMembership, checkOwnName } from "../cluster/membership.ts";
import { type Compute, startCompute } from "../engine/compute.ts";
import { type PreparedRun, prepareRun, resolveConfig } from "./config.ts";
import { checkBatchNorms, clusterWish, validateConfig } from "./validate.ts";
import { flatChoices, type TrainChoices, withDefaults } from "./choices.ts";
import { type ResolvedConfig, trainSource } from "../checkpoint/run_config.ts";
import type { Probe, TrainEvent } from "./events.ts";
import { indexedSource } from "./image_index.ts";
import { resumedConfig, resumePoint } from "./resume.ts";
import { checkPrepared, checkUnchanged } from "./unchanged.ts";
import type { Peers } from "../cluster/heartbeat.ts";
import { RunFolder } from "../checkpoint/run_folder.ts";
import { steps } from "./steps.ts";
import {
  followAgreement,
  hostAgreement,
  isClustered,
  isFollower,
  leadAgreement,
  type RunPlan,
} from "../cluster/agreement.ts";

/** Options that are not part of a run's configuration. */
export interface TrainOptions {
  /**
   * The folder of a run to resume from its newest intact checkpoint. Its stored
   * configuration is used. Only these choices may differ from it: `workers`, `threads`,
   * `saveEvery`, `keep`, `strict`, `xla`, `tensorboard`, `download`, `dataUrl`,
   * `cacheLimit`, `replicas`, `cluster`, `task`, `peerTimeout`; `dataDir`, for the same
   * images elsewhere; the folder and the options of a module of your own, for the same
   * images (the name of its file is part of their names unless it has a `describe`); and
   * fp32 for tf32. Only another number of replicas without `syncBn` changes the results,
   * since batch norms then average over other images: a `warning` says so. A probe has to
   * be given again.
   */
  resume?: string;
  /**
   * The result of {@linkcode prepareRun} for this configuration: saves a search. Other
   * choices than those it was prepared with are refused, except `dir` and `msg`.
   */
  prepared?: PreparedRun;
  /** Called with the progress of searching or downloading the data. */
  onPrepare?: (event: PrepareEvent) => void;
  /** Evaluates the model at intervals. */
  probe?: Probe;
  /**
   * Ends the run after the current step, with a checkpoint. Aborted while the run is
   * prepared, `train` throws its reason.
   */
  signal?: AbortSignal;
  /** Called after each step: whether its event should include the batch. */
  includeBatch?: () => boolean;
}

const OPTION_NAMES: NamesOf<TrainOptions> = {
  resume: true,
  prepared: true,
  onPrepare: true,
  probe: true,
  signal: true,
  includeBatch: true,
};

/** The first folder that does not exist: `runs/shapes-1`, `runs/shapes-2`, … */
function freeFolder(data: string, msg?: string): string {
  const name = dataName(data);
  const note = msg ? `-${msg.replace(/[^\w.-]+/g, "_").slice(0, 40)}` : "";
  for (let n = 1;; n++) {
    const dir = `runs/${name}${note}-${n}`;
    if (!existsSync(dir)) return dir;
  }
}

/**
 * Trains an encoder.
 *
 * @param choices The user's choices; the rest is the data set's, or `TRAIN_DEFAULTS`, the
 * paper's.
 * @param options A signal that ends the run, a probe.
 * @returns The run's events, in order; the run advances as they are consumed.
 * @throws {EmpSslError} Before any work: `INVALID_ARGUMENT` for settings, `INVALID_DATA`,
 * `NOT_FOUND`, `INVALID_CHECKPOINT`, `ENGINE_UNAVAILABLE`, `DOWNLOAD_FAILED`. During it:
 * `NOT_FINITE`, `COLLAPSED`, `STEP_FAILED`, `WORKER_FAILED`, `INVALID_DATA` for too many
 * images that cannot be read, `PEER_LOST`. With replicas a thread may then wait in
 * TensorFlow forever: exit the program.
 *
 * @example Two steps on the embedded data set
 * ```ts ignore
 * import { train } from "./mod.ts";
 *
 * for await (const event of train({ limitImages: 40, bs: 20, epoch: 1 })) {
 *   if (event.type === "step") console.log(event.metrics.loss);
 * }
 * ```
 */
export async function* train(
  choices: TrainChoices = {},
  options: TrainOptions = {},
): AsyncGenerator<TrainEvent> {
  checkNames(options, OPTION_NAMES);
  const { signal, probe, resume, includeBatch, prepared } = options;
  signal?.throwIfAborted();
  const { onPrepare: onEvent } = options;
  const goesOn = resume !== undefined;
  const config = flatChoices(choices), asked = withDefaults(config);
  const { cluster: addresses, task } = config;
  if (addresses) {
    if (goesOn) checkMembership({ addresses, task });
    else validateConfig(asked);
    await checkOwnName({ addresses, task: task ?? 0 });
  }
  if (isFollower(config)) {
    const { peers, config: told, source } = await followAgreement(config, {
      resumes: goesOn,
      asked,
      signal,
      check(planned) {
        if (!goesOn) return;
        // These are paths on this machine.
        const { cache: _c, classes: _l, init: _i, ...given } = config;
        checkUnchanged(resume, planned, given);
      },
      resolve: (choices) => resolveConfig(choices, { signal, onEvent }),
    });
    using _ = peers;
    const { step } = peers.plan;
    const run = { config: told, peers, step, source, signal, includeBatch };
    yield* explained(
      peers,
      computing(told, async function* (compute) {
        checkReplicas(compute.report, peers.plan);
        yield* steps({ ...run, compute });
      }, peers),
      signal,
    );
    return;
  }
  // Listens before it prepares the run, so that the others can connect meanwhile.
  using host = isClustered(config)
    ? hostAgreement({ resumes: goesOn, asked })
    : undefined;
  const stops = [signal, host?.refused].filter((stop) => stop !== undefined);
  const preparing = { signal: AbortSignal.any(stops), onEvent };
  using folder = goesOn ? RunFolder.take(resume, "existing") : undefined;
  const from = goesOn ? resumePoint(resume) : undefined;
  if (prepared) checkPrepared(prepared.config, config);
  if (from) checkUnchanged(resume!, from.config, config);
  const ready = from ? undefined : prepared ??
    await prepareRun(asked, preparing);
  const decided = ready?.config ??
    await resumedConfig(from!, config, preparing);
  if (!from) checkInitialWeights(tensorSpecs(modelOf(decided)), decided);
  await probe?.check(decided);
  // A copy: the user may train by the same prepared run again.
  const resolved = { ...decided };
  if (prepared) {
    resolved.msg = config.msg ?? resolved.msg;
    resolved.dir = config.dir ?? resolved.dir;
  }
  using fresh = folder ? undefined : RunFolder.take(
    resolved.dir ?? freeFolder(decided.data, resolved.msg),
    "new",
  );
  const { dir } = (folder ?? fresh)!;
  const step = from?.step ?? 0;
  const source = await indexedSource(trainSource(resolved), {
    dir,
    goesOn,
    opened: ready?.source,
    signal: preparing.signal,
  });
  yield* computing(resolved, async function* (compute) {
    // A resumed run keeps the engine and the precision of its first start.
    const { engine, precision } = compute.report;
    resolved.engine = engine;
    resolved.precision = precision;
    // The micro-batch depends on the machine, so it is stored with the run: another
    // one would change the patches that batch norm averages over.
    resolved.microBatch = microBatchOf(resolved, compute.report) ??
      resolved.numPatches;
    const { replicas } = compute.report;
    if (replicas) resolved.replicas = replicas.own;
    const count = replicas?.count ?? 1;
    checkBatchNorms(resolved, count);
    const before = from ? replicasOf(from.config) : count;
    if (count !== before && !resolved.syncBn) {
      const message = `The run had ${before} replicas and now has ${count}: ` +
        "without --sync-bn each batch norm then averages over another number of images";
      yield { type: "warning", message };
    }
    const run = { dir, compute, config: resolved, step, source, from, probe };
    if (!isClustered(resolved)) {
      // A signal that came while the engine was loaded: no step is begun.
      signal?.throwIfAborted();
      yield* steps({ ...run, signal, includeBatch });
      return;
    }
    const plan = {
      config: resolved,
      step,
      replicas: compute.report.replicas!.own,
    };
    using peers = await leadAgreement(host!, plan, { source, signal });
    const events = steps({ ...run, peers, signal, includeBatch });
    yield* explained(peers, events, signal);
  });
}

/** The replicas of a stored run, in all its processes. */
function replicasOf({ replicas, cluster }: ResolvedConfig): number {
  return (cluster?.length ?? 1) * (typeof replicas === "number" ? replicas : 1);
}

/** Checks that this process has as many replicas as process 0. */
function checkReplicas({ replicas }: EngineReport, plan: RunPlan): void {
  if (replicas?.own === plan.replicas) return;
  throw new EmpSslError({
    action: "train together with",
    subject: `${replicas?.own} replicas in this process`,
    found: `process 0 has ${plan.replicas}`,
    remedy: "give all processes the same --replicas N",
    code: "INVALID_ARGUMENT",
  });
}

/** How many milliseconds to wait for a step that other processes may never make. */
const LEAVE_AFTER = 10_000;

/**
 * Closes an engine. If the caller leaves the event loop early, a step may still be
 * running, which with replicas waits for the other processes: after a timeout it is left
 * running until the program exits.
 */
async function closed(compute: Compute, hasReplicas: boolean): Promise<void> {
  const closing = compute.close();
  if (!hasReplicas) return await closing;
  await atMost(LEAVE_AFTER, closing);
}

/** Starts an engine for some work, and closes it afterwards. */
async function* computing(
  config: ResolvedConfig,
  work: (compute: Compute) => AsyncGenerator<TrainEvent>,
  peers?: Peers<RunPlan>,
): AsyncGenerator<TrainEvent> {
  const cluster = clusterWish(config);
  const start = startCompute({ ...config, cluster });
  const compute = await (peers?.guard(start) ?? start);
  let mayCompute = false;
  try {
    yield* work(compute);
  } catch (error) {
    // With replicas TensorFlow computes in other threads, which may wait for a lost
    // process: its memory must not be freed before the program exits.
    mayCompute = cluster !== undefined;
    throw error;
  } finally {
    if (!mayCompute) await closed(compute, cluster !== undefined);
  }
}

/** Passes events on, and replaces an error by its cause: see `Peers.explain`. */
async function* explained(
  peers: Peers<RunPlan>,
  events: AsyncGenerator<TrainEvent>,
  signal?: AbortSignal,
): AsyncGenerator<TrainEvent> {
  try {
    yield* events;
  } catch (error) {
    throw await peers.explain(error, signal);
  }
}
