/**
 * What the processes that train together agree on: the settings that all must
 * have been started with, and the configuration that process 0 decides for all.
 *
 * @module
 */
import {
  COMPARED,
  operational,
  type ResolvedConfig,
  type TrainConfig,
  trainSource,
} from "../checkpoint/run_config.ts";
import { folderOf, openDataset } from "../data/catalog.ts";
import { digestOf } from "../data/digest.ts";
import type { DatasetSource } from "../data/dataset.ts";
import { TENSORFLOW_VERSION } from "../engine/setup/wheels.ts";
import { errorMaker } from "../errors.ts";
import { patchSizesText } from "../stream/patch_sizes.ts";
import { flagOf } from "../flag_error.ts";
import { VERSION } from "../version.ts";
import type { SharedSettings } from "./connection.ts";
import { Peers, type PeersHost } from "./heartbeat.ts";
import type { RendezvousOptions } from "./rendezvous.ts";

/** What process 0 decides for all before the first step. */
export interface RunPlan {
  /** The run's configuration, complete. */
  config: ResolvedConfig;
  /** The first step. */
  step: number;
  /** Replicas in each process. */
  replicas: number;
  /** Digest of the names and classes of the images. */
  images: string;
}

/** Checks and completes a configuration. */
export type Resolve = (config: TrainConfig) => Promise<ResolvedConfig>;

/** What a process brings to the agreement. */
export interface JoinOptions {
  /** Whether the run is resumed. */
  resumes: boolean;
  /** What the user asked for, with defaults. */
  asked: TrainConfig;
}

/** Seconds after which a silent process is lost, where the user names none. */
const PEER_TIMEOUT = 30;

/** The choices that must be equal: those of a run, but for what is local. */
const AGREED = COMPARED.filter((key) =>
  // Some sizes of patches are one choice: see `sharedSettings`.
  !["dataDir", "classes", "cache", "images", "init", "progressive"].includes(
    key,
  )
) as (keyof TrainConfig)[];

const dataError = errorMaker("train together on", "INVALID_DATA");
const SAME_DATA = "give all processes the same data";

/** A choice as it is compared. */
function asText(choice: unknown): string {
  if (choice === undefined) return "left out";
  return typeof choice === "object" ? JSON.stringify(choice) : `${choice}`;
}

/** The settings that a process sends to be compared. */
function sharedSettings({ asked, resumes }: JoinOptions): SharedSettings {
  const settings: SharedSettings = {
    "version": VERSION,
    "TensorFlow": TENSORFLOW_VERSION,
    "--cluster": `${asked.cluster}`,
    "--peer-timeout": `${asked.peerTimeout ?? PEER_TIMEOUT}`,
    "--replicas": `${asked.replicas ?? 1}`,
    "--resume": resumes ? "given" : "left out",
  };
  // A resumed run has its own configuration, which process 0 reads.
  if (resumes) return settings;
  for (const key of AGREED) settings[flagOf(key)] = asText(asked[key]);
  const { patchSize, progressive } = asked;
  if (patchSize !== undefined) {
    settings["--patch-size"] = patchSizesText({ patchSize, progressive });
  }
  return settings;
}

/** Whether this is one of several processes. */
export function isClustered({ cluster }: Partial<TrainConfig>): boolean {
  return (cluster?.length ?? 0) > 1;
}

/** Whether this is one of several processes, and not process 0. */
export function isFollower(config: Partial<TrainConfig>): boolean {
  return isClustered(config) && (config.task ?? 0) > 0;
}

function rendezvous(options: JoinOptions): RendezvousOptions {
  const { cluster, task, peerTimeout } = options.asked;
  return {
    addresses: cluster!,
    task: task ?? 0,
    timeout: peerTimeout ?? PEER_TIMEOUT,
    settings: sharedSettings(options),
  };
}

/** Process 0 listens for the others, before it prepares the run. */
export function hostAgreement(options: JoinOptions): PeersHost<RunPlan> {
  return Peers.host(rendezvous(options));
}

/**
 * Process 0 waits for the others and tells them what it has decided.
 *
 * @param plan The configuration and the first step.
 * @param source The images.
 */
export async function leadAgreement(
  host: PeersHost<RunPlan>,
  plan: Omit<RunPlan, "images">,
  source: DatasetSource,
): Promise<Peers<RunPlan>> {
  return await host.welcome({ ...plan, images: await imagesOf(source) });
}

/** What all processes must agree on of their images. */
async function imagesOf(source: DatasetSource): Promise<string> {
  return digestOf(await openDataset(source), `${folderOf(source)}/`);
}

/**
 * Another process takes over the configuration of process 0; where its data
 * lies, and how many threads it uses, is its own.
 *
 * @param given What the user asked for, without defaults.
 * @param resolve Checks and completes a configuration on this machine.
 * @throws {EmpSslError} `INVALID_DATA` where its data is not that of process 0.
 */
export async function followAgreement(
  given: Partial<TrainConfig>,
  { resolve, ...options }: JoinOptions & { resolve: Resolve },
): Promise<{ peers: Peers<RunPlan>; config: ResolvedConfig }> {
  const { resumes, asked } = options;
  // What takes long, such as a download, is done before process 0 waits.
  if (!resumes) await resolve(asked);
  const peers = await Peers.join<RunPlan>(rendezvous(options));
  try {
    const { config: planned, images } = peers.plan;
    const { dataDir, classes, cache, dataUrl, download } = given;
    const config = await peers.guard(resolve({
      ...planned,
      dataDir: resumes ? planned.dataDir : undefined,
      workers: undefined,
      threads: undefined,
      ...operational(given),
      tensorboard: false,
      // Files of this machine.
      ...(resumes && dataDir === undefined ? {} : { classes, cache }),
      dataUrl,
      download,
      dir: undefined,
      init: undefined,
    }));
    const where = config.dataDir ?? config.data;
    if (config.images !== planned.images) {
      const found =
        `it has ${config.images} images where process 0 has ${planned.images}`;
      throw dataError(where, found, SAME_DATA);
    }
    if (await imagesOf(trainSource(config)) !== images) {
      const found = "its images are not those of process 0";
      throw dataError(where, found, SAME_DATA);
    }
    return { peers, config };
  } catch (error) {
    const cause = await peers.explain(error);
    peers[Symbol.dispose]();
    throw cause;
  }
}
