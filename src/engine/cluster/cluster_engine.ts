/**
 * The compiled engine on several devices: replicas of the model that train
 * together, in this process and in others.
 *
 * @module
 */
import type { Binding } from "../../deps/tfjs_node.ts";
import { codeOf, EmpSslError } from "../../errors.ts";
import {
  isTrainable,
  type State,
  tensorSpecs,
} from "../../model/parameters.ts";
import type {
  ClusterWish,
  EngineReport,
  Precision,
  TrainerOptions,
} from "../engine.ts";
import { GraphTrainer } from "../graph_trainer.ts";
import { GraphEngine } from "../tensorflow/graph_engine.ts";
import { Collectives, type ReplicaSettings } from "../trace/collectives.ts";
import { prefixOf } from "../trace/names.ts";
import { traceStep } from "../trace/step_graph.ts";
import { trace } from "../trace/trace.ts";
import { after } from "../trace/variables.ts";
import { splitAddress } from "./address.ts";
import type { TensorFlowC } from "./c_api.ts";
import { ClusterSession, type SessionPlace } from "./cluster_session.ts";
import { JOB, type SessionConfig } from "./messages.ts";
import { startServer } from "./server.ts";

/** More collective operations than a graph has. */
const INSTANCES = 100_000;

/** Seconds that the first meeting of all devices may take. */
const MEETING = 120;

/** The first meeting, or that it did not come about. */
async function inTime<T>(meeting: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new EmpSslError({
          action: "reach",
          subject: "the TensorFlow of the other processes",
          found: `the devices have not met within ${MEETING} s`,
          remedy: "see that each address of --cluster means the same machine " +
            "everywhere, and that no firewall is between them",
          code: "PEER_LOST",
        }),
      );
    }, MEETING * 1000);
  });
  return await Promise.race([meeting, late]).finally(() => clearTimeout(timer));
}

/** How many GPUs TensorFlow sees. */
async function countGpus(c: TensorFlowC): Promise<number> {
  const config = {
    allowSoftPlacement: true,
    gpuOptions: { allowGrowth: true },
  };
  const session = await ClusterSession.load(c, new Uint8Array(), { config });
  try {
    return session.devices().filter((type) => type === "GPU").length;
  } finally {
    session.dispose();
  }
}

function refuse(found: string, remedy: string): EmpSslError {
  return new EmpSslError({
    action: "train on",
    subject: "several devices",
    found,
    remedy,
    code: "INVALID_ARGUMENT",
  });
}

/** What a cluster engine is made from. */
interface Parts {
  report: EngineReport;
  binding: Binding;
  precision: Precision;
  c: TensorFlowC;
  place: SessionPlace;
  /** The devices of this process's replicas. */
  devices: string[];
  wish: ClusterWish;
}

/** See the module's description. */
export class ClusterEngine extends GraphEngine {
  #parts: Parts;
  /** How many graphs there were: every process makes the same ones. */
  #graphs = 0;

  private constructor(parts: Parts) {
    super(parts.report, parts.binding, parts.precision);
    this.#parts = parts;
  }

  /**
   * Starts this process's server, where there are other processes.
   *
   * @param base The engine of one device.
   * @param c TensorFlow's C interface.
   * @param wish The cluster.
   * @param threads Threads of an operation; as many as there are cores where it
   * is not given.
   * @throws {EmpSslError} `INVALID_ARGUMENT` where there are too few devices, or
   * the address cannot be listened on.
   */
  static async start(
    base: Pick<Parts, "report" | "binding" | "precision">,
    c: TensorFlowC,
    wish: ClusterWish,
    threads?: number,
  ): Promise<ClusterEngine> {
    const { addresses, task } = wish;
    const gpu = base.report.device === "GPU";
    const gpus = gpu ? await countGpus(c) : 0;
    const own = wish.replicas === "auto" ? Math.max(1, gpus) : wish.replicas;
    if (gpu && own > gpus) {
      throw refuse(
        `--replicas ${own}, where TensorFlow sees ${gpus} GPUs`,
        `give ${gpus} or fewer`,
      );
    }
    const many = addresses.length > 1;
    const worker = (of: number) =>
      `/job:${many ? JOB : "localhost"}/replica:0/task:${of}`;
    const config: SessionConfig = {
      deviceCount: gpu ? {} : { CPU: own },
      intraOpParallelismThreads: threads ?? 0,
      interOpParallelismThreads: gpu ? 0 : 1,
      gpuOptions: { allowGrowth: true },
      allowSoftPlacement: true,
      deviceFilters: many ? [`/job:${JOB}/task:${task}`] : [],
      experimental: {
        collectiveGroupLeader: many ? worker(0) : "",
        collectiveNccl: gpu,
      },
    };
    const server = many
      ? await startServer(c, { addresses, task, session: config })
      : undefined;
    const report = {
      ...base.report,
      replicas: { own, count: own * Math.max(1, addresses.length) },
      warning: server && !server.alone
        ? `TensorFlow listens on every address of this machine, port ${
          splitAddress(addresses[task]).port
        }: anyone who reaches it can use it`
        : base.report.warning,
    };
    const kind = gpu ? "GPU" : "CPU";
    const devices = Array.from(
      { length: own },
      (_, i) => `${worker(task)}/device:${kind}:${i}`,
    );
    const place = { config, target: server?.target };
    return new ClusterEngine({ ...base, report, c, place, devices, wish });
  }

  get #count(): number {
    return this.report.replicas!.count;
  }

  /** Replicas without their slots. */
  #replicas(slots: number[]): ReplicaSettings {
    const { devices, wish } = this.#parts;
    const [first] = devices;
    return {
      count: this.#count,
      own: devices.map((device, i) => ({ device, slot: slots[i] })),
      host: first.replace(/device:.*/, "device:CPU:0"),
      communication: this.report.device === "GPU" ? "nccl" : "ring",
      syncBatchNorm: wish.syncBatchNorm,
      instance: this.#graphs++ * INSTANCES,
    };
  }

  /**
   * Where the part of each replica stands in what is gathered, found by
   * gathering their numbers.
   */
  async #findSlots(): Promise<number[]> {
    const { c, place, devices, wish } = this.#parts;
    const first = wish.task * devices.length;
    const graph = trace({ precision: "fp32" }, (graph, backend) => {
      const settings = this.#replicas(devices.map(() => 0));
      for (const [i, device] of devices.entries()) {
        graph.place = { prefix: prefixOf(i), device };
        const own = graph.constant(1, [1, 1], [first + i]);
        const all = new Collectives(graph, backend, settings, 0)
          .gatherImages(backend.tensor(own), 1);
        after(graph, backend.value(all), [], "ranks");
      }
    });
    const session = await ClusterSession.load(c, graph.graphDef(), place);
    try {
      const fetches = devices.map((_, i) => `${prefixOf(i)}ranks`);
      const [ranks] = await inTime(session.run([], fetches));
      session.dispose();
      return devices.map((_, i) => ranks.indexOf(first + i));
    } catch (error) {
      // A session that still runs cannot be closed.
      if (codeOf(error) !== "PEER_LOST") session.dispose();
      throw error;
    }
  }

  /** A model in training, on all replicas; the first process gives its state. */
  override async trainer(
    options: TrainerOptions & { floats?: boolean },
    state: State,
    momentum?: State,
  ): Promise<GraphTrainer> {
    const { c, place, devices, wish } = this.#parts;
    if (options.images % this.#count !== 0) {
      throw refuse(
        `${options.images} images a batch for ${this.#count} replicas`,
        "give a --bs that they divide",
      );
    }
    const replicas = this.#replicas(await this.#findSlots());
    const settings = { ...this.settings(options), replicas };
    const graph = traceStep(options, settings).graphDef();
    const session = await ClusterSession.load(c, graph, place);
    return await GraphTrainer.start(session, options, {
      ...(wish.task === 0 ? { state, momentum } : {}),
      replicas: { own: devices.length, count: this.#count },
    });
  }

  /**
   * What a step sends and nothing else, to be measured: the embeddings, the
   * gradients, the running statistics.
   */
  async traffic(
    { model, images, patches }: TrainerOptions,
  ): Promise<{ parts: (() => Promise<unknown>)[]; dispose(): void }> {
    const { c, place, devices } = this.#parts;
    const specs = tensorSpecs(model);
    const rows = images / this.#count * patches;
    const names = ["embeddings", "gradients", "statistics"];
    const settings = this.#replicas(devices.map(() => 0));
    const graph = trace({ precision: "fp32" }, (graph, backend) => {
      for (const [i, device] of devices.entries()) {
        graph.place = { prefix: prefixOf(i), device };
        const own = new Collectives(graph, backend, settings, 0);
        const sum = (trainable: boolean) => {
          own.begin();
          return own.sumValues(
            specs.filter((spec) => isTrainable(spec) === trainable)
              .map(({ shape }, i) => graph.fill(shape, i / 1000)),
          );
        };
        const z = backend.tensor(graph.fill([rows, model.embedding], 0.5));
        const gathered = backend.value(own.gatherImages(z, patches));
        const sent = [[gathered], sum(true), sum(false)];
        for (const [i, values] of sent.entries()) {
          const waits = values.map(({ name }) => name.split(":")[0]);
          after(graph, graph.scalar(1), waits, names[i]);
        }
      }
    });
    const session = await ClusterSession.load(c, graph.graphDef(), place);
    return {
      parts: names.map((name) => () =>
        session.run([], devices.map((_, i) => prefixOf(i) + name))
      ),
      dispose: () => session.dispose(),
    };
  }
}
