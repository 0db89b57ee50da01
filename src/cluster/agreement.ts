/**
 * Agreement between the processes that train together: the settings that must be equal
 * in all of them, and the configuration that process 0 decides for all.
 *
 * @module
 */
import {
  type ResolvedConfig,
  type TrainConfig,
  trainSource,
} from "../checkpoint/run_config.ts";
import { COMPARED, settingOf } from "../checkpoint/settings.ts";
import { asChoices, withStoredParts } from "../checkpoint/stored_choices.ts";
import { createHash } from "node:crypto";
import { folderOf, openDataset, openForThreads } from "../data/open_dataset.ts";
import { digestOf } from "../data/digest.ts";
import { bytesOf } from "../common/files.ts";
import { isModule } from "../data/own_data.ts";
import type { Dataset, DatasetSource } from "../data/dataset.ts";
import { TENSORFLOW_VERSION } from "../engine/setup/wheels.ts";
import { errorMaker } from "../common/errors.ts";
import { patchSizesText } from "../stream/patch_sizes.ts";
import { flagOf } from "../common/flag_error.ts";
import { VERSION } from "../common/version.ts";
import type { SharedSettings } from "./connection.ts";
import { Peers, type PeersHost } from "./heartbeat.ts";
import { programDigest } from "./program_digest.ts";
import type { RendezvousOptions } from "./rendezvous.ts";

/** What process 0 sends to the other processes before the first step. */
export interface RunPlan {
  /** The run's complete configuration. */
  config: ResolvedConfig;
  /** The first step. */
  step: number;
  /** Replicas in each process. */
  replicas: number;
  /** Digest of the images: see `imagesOf`. */
  images: string;
}

/** Checks and completes a configuration. */
export type Resolve = (config: TrainConfig) => Promise<ResolvedConfig>;

/** What a process contributes to the agreement. */
export interface JoinOptions {
  /** Whether the run is resumed. */
  resumes: boolean;
  /** The user's choices, with defaults. */
  asked: TrainConfig;
}

/** Default of `--peer-timeout`, in seconds. */
const PEER_TIMEOUT = 30;

/** The choices that must be equal: those that runs are compared by, except local ones. */
const AGREED = COMPARED.filter((key) =>
  // `progressive` is compared as part of `--patch-size`: see `sharedSettings`.
  !["dataDir", "classes", "cache", "images", "init", "progressive"].includes(
    key,
  )
) as (keyof TrainConfig)[];

/** The choices whose value where they are left out is the same for all runs. */
const FIXED: readonly string[] = [
  "method",
  "schedule",
  "larsClip",
  "optimizer",
];

const dataError = errorMaker("train together on", "INVALID_DATA");
const SAME_DATA = "give all processes the same data";

/** Characters of a choice that are sent and named in a message. */
const LONGEST = 500;

/** A choice as text, for the comparison; a long one as its digest. */
function asText(choice: unknown): string {
  if (choice === undefined) return "left out";
  const text = typeof choice === "object"
    ? JSON.stringify(choice)
    : `${choice}`;
  if (text.length <= LONGEST) return text;
  const digest = createHash("sha256").update(text).digest("hex");
  return `${text.slice(0, 60)}… (SHA-256 ${digest})`;
}

/** The settings that a process sends to be compared. */
export function sharedSettings(
  { asked, resumes }: JoinOptions,
): SharedSettings {
  const settings: SharedSettings = {
    "version": VERSION,
    "TensorFlow": TENSORFLOW_VERSION,
    "program files": programDigest() ?? "unknown",
    "--cluster": `${asked.cluster}`,
    "--peer-timeout": `${asked.peerTimeout ?? PEER_TIMEOUT}`,
    "--replicas": `${asked.replicas ?? 1}`,
    "--resume": resumes ? "given" : "left out",
  };
  // Process 0 reads the configuration of a resumed run from its checkpoint.
  if (resumes) return settings;
  for (const key of AGREED) {
    settings[flagOf(key)] = asText(
      FIXED.includes(key) ? settingOf(asked, key) : asked[key],
    );
  }
  // A cache stores images smaller, in whichever folder.
  settings["--cache"] = asked.cache === undefined ? "left out" : "given";
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

/** Whether this is one of several processes, other than process 0. */
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

/** Process 0 starts to listen for the others, before it prepares the run. */
export function hostAgreement(options: JoinOptions): PeersHost<RunPlan> {
  return Peers.host(rendezvous(options));
}

/**
 * Process 0 waits for the others and sends them the plan.
 *
 * @param plan The configuration and the first step.
 * @param how The images, and a signal that ends the wait.
 */
export async function leadAgreement(
  host: PeersHost<RunPlan>,
  plan: Omit<RunPlan, "images">,
  { source, signal }: { source: DatasetSource; signal?: AbortSignal },
): Promise<Peers<RunPlan>> {
  const images = await imagesOf(source, await openDataset(source));
  return await host.welcome({ ...plan, images }, signal);
}

/** How many images are compared by their pixels. */
const COMPARED_IMAGES = 8;

/**
 * A digest of the images' names and classes, and of the pixels of a few: they must be
 * equal in all processes. A module may make an image anew at each call, so that only its
 * names are compared.
 */
export async function imagesOf(
  source: DatasetSource,
  dataset: Dataset,
): Promise<string> {
  const names = digestOf(dataset, `${folderOf(source)}/`);
  if (isModule(source.name)) return names;
  const hash = createHash("sha256").update(names);
  const { length } = dataset, count = Math.min(COMPARED_IMAGES, length);
  for (let i = 0; i < count; i++) {
    const image = dataset.image(Math.floor(i * length / count));
    // A damaged image is left out in training, too.
    const found = await Promise.resolve(image).catch(() => undefined);
    hash.update(`${found?.width} ${found?.height}\n`);
    // A copy: the values may lie in shared memory.
    if (found) hash.update(bytesOf(found.data).slice());
  }
  return hash.digest("hex");
}

/** What another process than process 0 trains with. */
interface Followed {
  /** The other processes. */
  peers: Peers<RunPlan>;
  /** The configuration of process 0, with the paths of this machine. */
  config: ResolvedConfig;
  /** The images, already searched. */
  source: DatasetSource;
}

/**
 * Another process takes over the configuration of process 0, except for local choices
 * such as the data's folder and the number of threads.
 *
 * @param given The user's choices, without defaults.
 * @param resolve Checks and completes a configuration on this machine.
 * @throws {EmpSslError} `INVALID_DATA` if its data differs from that of process 0.
 */
export async function followAgreement(
  given: Partial<TrainConfig>,
  { resolve, check, signal, ...options }: JoinOptions & {
    resolve: Resolve;
    /** Rejects choices that contradict the configuration of process 0. */
    check?: (planned: ResolvedConfig) => void;
    signal?: AbortSignal;
  },
): Promise<Followed> {
  const { resumes, asked } = options;
  // Slow work, such as a download, is done before joining: process 0 then waits only
  // for the peer timeout.
  if (!resumes) await resolve(asked);
  const peers = await Peers.join<RunPlan>(rendezvous(options), signal);
  try {
    const { config: planned, images } = peers.plan;
    check?.(planned);
    const { classes, cache, dataUrl, download } = given;
    const local = {
      dataDir: resumes ? planned.dataDir : undefined,
      workers: undefined,
      threads: undefined,
    };
    const completed = await peers.guard(resolve({
      ...asChoices({ ...planned, ...local }, given),
      tensorboard: false,
      // Paths on this machine; a resumed run has them from its start.
      classes: classes ?? (resumes ? planned.classes : undefined),
      cache: cache ?? (resumes ? planned.cache : undefined),
      dataUrl,
      download,
      dir: undefined,
      init: undefined,
    }));
    const config = withStoredParts(planned, completed);
    const where = config.dataDir ?? config.data;
    if (config.images !== planned.images) {
      const found =
        `it has ${config.images} images where process 0 has ${planned.images}`;
      // Process 0 has an index of the images that the run began with.
      const isNewer = resumes && config.images > planned.images;
      throw dataError(
        where,
        isNewer ? `${found}: some were added since the run began` : found,
        isNewer
          ? "take the new images out, or resume in one process"
          : SAME_DATA,
      );
    }
    // Opened once: all threads of this process read the images that are compared here.
    const { source, dataset } = await openForThreads(trainSource(config));
    if (await imagesOf(source, dataset) !== images) {
      const found = "its images are not those of process 0";
      throw dataError(where, found, SAME_DATA);
    }
    return { peers, config, source };
  } catch (error) {
    const cause = await peers.explain(error);
    peers[Symbol.dispose]();
    throw cause;
  }
}
