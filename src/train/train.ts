/**
 * A run from its choices to its end: alone, or one of several processes.
 *
 * @module
 */
import type { EngineName, EngineReport, Precision } from "../engine/engine.ts";
import { EmpSslError } from "../errors.ts";
import { microBatchOf } from "./batch.ts";
import { isModule, moduleName } from "../data/own_data.ts";
import type { PrepareEvent } from "../data/prepare.ts";
import { checkOwnName } from "../cluster/membership.ts";
import { type Compute, startCompute } from "../engine/compute.ts";
import { type PreparedRun, prepareRun, resolveConfig } from "./config.ts";
import { clusterWish } from "./validate.ts";
import { flatChoices, type TrainChoices, withDefaults } from "./choices.ts";
import { type ResolvedConfig, trainSource } from "../checkpoint/run_config.ts";
import type { Probe, TrainEvent } from "./events.ts";
import { indexedSource } from "./image_index.ts";
import { checkUnchanged, resumedConfig, resumePoint } from "./resume.ts";
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
   * The folder of a run to go on with, exactly from its newest whole checkpoint.
   * Its configuration stays, and choices that differ from it are refused. Only
   * what does not change the numbers may be another: `workers`, `threads`,
   * `saveEvery`, `keep`, `strict`, `tensorboard`, `download`, `cacheLimit`,
   * `replicas`, `cluster`, `task`, `peerTimeout`, and where the same data lies:
   * `dataDir`, or the address and the options of a module of your own. A probe is
   * given again.
   */
  resume?: string;
  /** What {@linkcode prepareRun} gave for this configuration: saves a search. */
  prepared?: PreparedRun;
  /** Told how the data is found, or comes from its archive. */
  onPrepare?: (event: PrepareEvent) => void;
  /** Tests the model at intervals. */
  probe?: Probe;
  /** Ends the run after the step under way, with a checkpoint. */
  signal?: AbortSignal;
  /** Asked after each step whether its event is to carry the batch. */
  includeBatch?: () => boolean;
}

/** A folder that is not taken: `runs/shapes-1`, `runs/shapes-2`, … */
function freeFolder(data: string, msg?: string): string {
  const name = isModule(data) ? moduleName(data) : data;
  const note = msg ? `-${msg.replace(/[^\w.-]+/g, "_").slice(0, 40)}` : "";
  for (let n = 1;; n++) {
    const dir = `runs/${name}${note}-${n}`;
    try {
      Deno.statSync(dir);
    } catch {
      return dir;
    }
  }
}

/**
 * Trains an encoder.
 *
 * @param choices The user's choices; the rest is from `TRAIN_DEFAULTS`, the
 * paper's.
 * @param options A signal that ends the run, a probe.
 * @returns The run's events, in order; the run advances as they are consumed.
 * @throws {EmpSslError} Before any work for invalid settings; later for what
 * breaks. With replicas a thread may then wait in TensorFlow for good: end the
 * program.
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
  const { signal, probe, resume, includeBatch, prepared } = options;
  const goesOn = resume !== undefined;
  const config = flatChoices(choices), asked = withDefaults(config);
  const { cluster: addresses, task = 0 } = config;
  if (addresses) await checkOwnName({ addresses, task });
  if (isFollower(config)) {
    const { peers, config: told } = await followAgreement(config, {
      resumes: goesOn,
      asked,
      resolve: resolveConfig,
    });
    using _ = peers;
    const { step } = peers.plan, source = trainSource(told);
    const run = { config: told, peers, step, source, signal, includeBatch };
    yield* explained(
      peers,
      computing(told, (compute) => {
        checkReplicas(compute.report, peers.plan);
        return steps({ ...run, compute });
      }, peers),
    );
    return;
  }
  // It listens before it prepares: the others may connect meanwhile.
  using host = isClustered(config)
    ? hostAgreement({ resumes: goesOn, asked })
    : undefined;
  using folder = goesOn ? RunFolder.take(resume, "existing") : undefined;
  const from = goesOn ? resumePoint(resume) : undefined;
  if (from) checkUnchanged(resume!, from.config, config);
  const ready = from ? undefined : prepared ??
    await prepareRun(asked, { signal, onEvent: options.onPrepare });
  const resolved = ready?.config ?? await resumedConfig(from!, config);
  await probe?.check(resolved);
  using fresh = folder
    ? undefined
    : RunFolder.take(config.dir ?? freeFolder(asked.data, asked.msg), "new");
  const { dir } = (folder ?? fresh)!;
  const step = from?.step ?? 0;
  const source = await indexedSource(trainSource(resolved), {
    dir,
    goesOn,
    searched: ready?.source.shared,
  });
  yield* computing(resolved, async function* (compute) {
    // A run goes on in the number format that it began with.
    const { engine, precision } = compute.report;
    resolved.engine = engine as EngineName;
    resolved.precision = precision as Precision;
    // What depends on the machine is decided once and kept with the run: with
    // another micro-batch, batch norms would see other patches when it is resumed.
    const microBatch = microBatchOf(resolved, compute.report) ??
      resolved.numPatches;
    resolved.microBatch = microBatch;
    const { replicas } = compute.report;
    if (replicas) resolved.replicas = replicas.own;
    const run = { dir, compute, config: resolved, step, source, from, probe };
    if (!isClustered(resolved)) {
      yield* steps({ ...run, microBatch, signal, includeBatch });
      return;
    }
    const plan = {
      config: { ...resolved, microBatch },
      step,
      replicas: compute.report.replicas!.own,
    };
    using peers = await leadAgreement(host!, plan, source);
    const all = steps({ ...run, peers, microBatch, signal, includeBatch });
    yield* explained(peers, all);
  });
}

/** All processes need the same number of devices. */
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

/** Milliseconds that a process waits for a step that the others may not make. */
const LEAVE_AFTER = 10_000;

/**
 * Closes an engine. A caller that leaves the loop of events early may leave a step
 * under way, which with replicas waits for the others: then it is left to the end of
 * the program.
 */
async function closed(compute: Compute, hasReplicas: boolean): Promise<void> {
  const closing = compute.close();
  if (!hasReplicas) return await closing;
  const left = Promise.withResolvers<void>();
  const timer = setTimeout(left.resolve, LEAVE_AFTER);
  await Promise.race([closing, left.promise]);
  clearTimeout(timer);
}

/** Work with an engine, which is closed afterwards. */
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
    // With replicas TensorFlow computes beside this thread, and may wait for
    // a lost process; so its memory is not freed until the program ends.
    mayCompute = cluster !== undefined;
    throw error;
  } finally {
    if (!mayCompute) await closed(compute, cluster !== undefined);
  }
}

/** Events, and the true reason where they end in an error. */
async function* explained(
  peers: Peers<RunPlan>,
  events: AsyncGenerator<TrainEvent>,
): AsyncGenerator<TrainEvent> {
  try {
    yield* events;
  } catch (error) {
    throw await peers.explain(error);
  }
}
