/**
 * The replicas of a model on the devices of this process, which train together,
 * alone or with the replicas of other processes.
 *
 * @module
 */
import { splitAddress } from "../../common/address.ts";
import { codeOf, EmpSslError } from "../../common/errors.ts";
import type { ClusterWish } from "../engine.ts";
import { Collectives, type ReplicaSettings } from "../trace/collectives.ts";
import { prefixOf } from "../trace/names.ts";
import { trace } from "../trace/trace.ts";
import { output } from "../trace/variables.ts";
import type { TensorFlowC } from "./c_api.ts";
import { GraphSession } from "./graph_session.ts";
import type { SessionTarget } from "./session_target.ts";
import { startServer } from "./server.ts";
import { JOB, type SessionConfig } from "./session_config.ts";

/** Instance keys of collective operations per graph: more than any graph needs. */
const INSTANCES_PER_GRAPH = 100_000;

/** Seconds within which the devices of all processes must connect. */
const MEETING_SECONDS = 120;

/** Rejects if the devices do not connect in time. */
async function inTime<T>(meeting: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new EmpSslError({
          action: "reach",
          subject: "the TensorFlow of the other processes",
          found: `the devices did not connect within ${MEETING_SECONDS} s`,
          remedy: "check that each address of --cluster means the same " +
            "host on every machine, and that no firewall blocks them",
          code: "PEER_LOST",
        }),
      );
    }, MEETING_SECONDS * 1000);
  });
  return await Promise.race([meeting, late]).finally(() => clearTimeout(timer));
}

/** How many GPUs TensorFlow finds. */
function countGpus(c: TensorFlowC): number {
  const config = { allowSoftPlacement: true, allowMemoryGrowth: true };
  using session = GraphSession.load(c, new Uint8Array(), { config });
  return session.devices().filter(({ type }) => type === "GPU").length;
}

function deviceError(found: string, remedy: string): EmpSslError {
  return new EmpSslError({
    action: "train on",
    subject: "several devices",
    found,
    remedy,
    code: "INVALID_ARGUMENT",
  });
}

/** What a group is started with. */
export interface ReplicaGroupOptions {
  /** The requested replicas, here and in other processes. */
  wish: ClusterWish;
  /** Whether they run on GPUs. */
  gpu: boolean;
  /** Threads, memory and placement, as for one device. */
  config: SessionConfig;
}

/** See the module's description. */
export class ReplicaGroup {
  /** The index of this process among all: process 0 has the state. */
  readonly task: number;
  /** How many replicas there are in all. */
  readonly count: number;
  /** The devices of this process's replicas, by TensorFlow's full names. */
  readonly devices: readonly string[];
  /** The target of their sessions. */
  readonly target: SessionTarget;
  /** What a user should know before a long run. */
  readonly warning?: string;
  #c: TensorFlowC;
  #gpu: boolean;
  #syncBatchNorm: boolean;
  /** How many graphs there were so far: the same number in every process. */
  #graphs = 0;
  /** Whether the devices of all processes have connected before. */
  #haveMet = false;

  private constructor(
    c: TensorFlowC,
    { wish, gpu }: ReplicaGroupOptions,
    { devices, target, warning }: {
      devices: string[];
      target: SessionTarget;
      warning?: string;
    },
  ) {
    this.#c = c;
    this.#gpu = gpu;
    this.#syncBatchNorm = wish.syncBatchNorm;
    this.task = wish.task;
    this.devices = devices;
    this.target = target;
    this.warning = warning;
    this.count = devices.length * Math.max(1, wish.addresses.length);
  }

  /**
   * Finds the devices, and starts this process's server if there are other
   * processes.
   *
   * @throws {EmpSslError} `INVALID_ARGUMENT` if there are too few devices, or the
   * server cannot listen on its address.
   */
  static async start(
    c: TensorFlowC,
    options: ReplicaGroupOptions,
  ): Promise<ReplicaGroup> {
    const { wish: { addresses, task, replicas }, gpu } = options;
    const gpus = gpu ? countGpus(c) : 0;
    const own = replicas === "auto" ? Math.max(1, gpus) : replicas;
    if (gpu && own > gpus) {
      throw deviceError(
        `--replicas is ${own}, but TensorFlow finds ${gpus} GPUs`,
        `give ${gpus} or fewer`,
      );
    }
    const many = addresses.length > 1;
    const worker = (of: number) =>
      `/job:${many ? JOB : "localhost"}/replica:0/task:${of}`;
    const config: SessionConfig = {
      ...options.config,
      deviceCount: gpu ? {} : { CPU: own },
      deviceFilters: many ? [`/job:${JOB}/task:${task}`] : [],
      collectiveGroupLeader: many ? worker(0) : "",
      collectiveNccl: gpu,
    };
    const server = many
      ? await startServer(c, { addresses, task, session: config })
      : undefined;
    const kind = gpu ? "GPU" : "CPU";
    const devices = Array.from(
      { length: own },
      (_, i) => `${worker(task)}/device:${kind}:${i}`,
    );
    return new ReplicaGroup(c, options, {
      devices,
      target: { config, server: server?.target },
      warning: server && !server.alone
        ? `TensorFlow listens on every address of this machine, port ${
          splitAddress(addresses[task]!).port
        }: anyone who reaches it can use it`
        : undefined,
    });
  }

  /** The settings of one more graph, given the slots of this process's replicas. */
  #settings(slots: number[]): ReplicaSettings {
    return {
      count: this.count,
      own: this.devices.map((device, i) => ({ device, slot: slots[i]! })),
      host: this.devices[0]!.replace(/device:.*/, "device:CPU:0"),
      communication: this.#gpu ? "nccl" : "ring",
      syncBatchNorm: this.#syncBatchNorm,
      instance: this.#graphs++ * INSTANCES_PER_GRAPH,
    };
  }

  /** The settings of a graph in which nothing depends on the slots. */
  settingsWithoutSlots(): ReplicaSettings {
    return this.#settings(this.devices.map(() => 0));
  }

  /**
   * The settings of a training graph. All processes must call this method
   * together: an all-gather of the replicas' ranks finds the slot of each replica
   * in gathered tensors.
   *
   * @throws {EmpSslError} `PEER_LOST` if not all devices can be reached.
   */
  async settings(): Promise<ReplicaSettings> {
    const first = this.task * this.devices.length;
    const graph = trace({ precision: "fp32" }, (graph, backend) => {
      const settings = this.settingsWithoutSlots();
      for (const [i, device] of this.devices.entries()) {
        graph.place = { prefix: prefixOf(i), device };
        const own = graph.constant(1, [1, 1], [first + i]);
        const all = new Collectives(graph, backend, settings, 0)
          .gatherImages(backend.tensor(own), 1);
        output(graph, backend.value(all), [], "ranks");
      }
    });
    const session = GraphSession.load(this.#c, graph.graphDef(), this.target);
    try {
      const fetches = this.devices.map((_, i) => `${prefixOf(i)}ranks`);
      const meeting = session.run([], fetches);
      // Later graphs have no time limit, since one process may have more to do than
      // the others. A lost process is noticed by its missing heartbeats.
      const [ranks] = await (this.#haveMet ? meeting : inTime(meeting));
      this.#haveMet = true;
      session[Symbol.dispose]();
      return this.#settings(
        this.devices.map((_, i) => ranks!.indexOf(first + i)),
      );
    } catch (error) {
      // After PEER_LOST the run may not have ended: such a session cannot be closed.
      if (codeOf(error) !== "PEER_LOST") session[Symbol.dispose]();
      throw error;
    }
  }
}
