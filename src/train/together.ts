/**
 * Training as one of several processes: what they must agree on, and what
 * process 0 tells the others.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { folderOf, openDataset } from "../data/catalog.ts";
import type { DatasetSource } from "../data/dataset.ts";
import { TENSORFLOW_VERSION } from "../engine/tensorflow/variant.ts";
import { EmpSslError } from "../errors.ts";
import { VERSION } from "../version.ts";
import {
  resolveConfig,
  type ResolvedConfig,
  TRAIN_DEFAULTS,
  type TrainConfig,
  trainSource,
} from "./config.ts";
import { IDENTITY, operational } from "./resume.ts";
import { Roster } from "./roster.ts";
import type { Identity } from "./roster_line.ts";

/** What process 0 tells the others before the first step. */
export interface News {
  /** The run's configuration, with nothing left open. */
  config: ResolvedConfig;
  /** The step that comes first. */
  step: number;
  /** Replicas in each process. */
  replicas: number;
  /** Digest of the names and classes of the images. */
  images: string;
}

/** Seconds after which a silent process is lost, where the user names none. */
const PEER_TIMEOUT = 30;

/** What makes two runs the same, but for what is each machine's own. */
const AGREED = [...IDENTITY, "precision", "microBatch"].filter((key) =>
  !["dataDir", "classes", "cache", "images", "init"].includes(key)
) as (keyof TrainConfig)[];

function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What a process says of itself when it reports. */
function identityOf(config: TrainConfig, resumes: boolean): Identity {
  const identity: Identity = {
    "version": VERSION,
    "TensorFlow": TENSORFLOW_VERSION,
    "--cluster": `${config.cluster}`,
    "--peer-timeout": `${config.peerTimeout ?? PEER_TIMEOUT}`,
    "--replicas": `${config.replicas ?? 1}`,
    "--resume": resumes ? "given" : "left out",
  };
  // A run that goes on has its own configuration, which process 0 reads.
  for (const key of resumes ? [] : AGREED) {
    identity[flagOf(key)] = `${config[key] ?? "left out"}`;
  }
  return identity;
}

/** Whether this is one of several processes. */
export function isTogether({ cluster }: Partial<TrainConfig>): boolean {
  return (cluster?.length ?? 0) > 1;
}

/** Whether this is one of several processes, and not the first. */
export function isFollower(config: Partial<TrainConfig>): boolean {
  return isTogether(config) && (config.task ?? 0) > 0;
}

function join(
  config: TrainConfig,
  resumes: boolean,
  news?: News,
): Promise<Roster<News>> {
  return Roster.join<News>({
    addresses: config.cluster!,
    task: config.task ?? 0,
    timeout: config.peerTimeout ?? PEER_TIMEOUT,
    identity: identityOf(config, resumes),
    news,
  });
}

/**
 * Process 0 waits for the others and tells them what will be done.
 *
 * @param given What the user asked for, as the others were asked.
 * @param news What that has come to.
 * @param source The images, by their index where there is one.
 */
export async function callOthers(
  given: Partial<TrainConfig>,
  news: Omit<News, "images">,
  { resumes, source }: { resumes: boolean; source: DatasetSource },
): Promise<Roster<News>> {
  const images = await digestOf(source);
  const asked = { ...TRAIN_DEFAULTS, ...given };
  return await join(asked, resumes, { ...news, images });
}

/** Tells whether two processes have the same images, wherever they lie. */
async function digestOf(source: DatasetSource): Promise<string> {
  const folder = `${folderOf(source)}/`;
  const dataset = await openDataset(source);
  const hash = createHash("sha256");
  for (let i = 0; i < dataset.length; i++) {
    const name = dataset.describe(i).replace(folder, "");
    hash.update(`${dataset.label(i)} ${name}\n`);
  }
  return hash.digest("hex");
}

function refuseData(config: ResolvedConfig, found: string): EmpSslError {
  return new EmpSslError({
    action: "train together on",
    subject: config.dataDir ?? config.data,
    found,
    remedy: "give all processes the same data",
    code: "INVALID_DATA",
  });
}

/**
 * Another process reports and takes over the configuration of process 0; where
 * its data lies, and how many threads it takes, is its own.
 *
 * @throws {EmpSslError} `INVALID_DATA` where its data is not that of process 0.
 */
export async function followOthers(
  given: Partial<TrainConfig>,
  resumes: boolean,
): Promise<{ roster: Roster<News>; config: ResolvedConfig }> {
  const asked = { ...TRAIN_DEFAULTS, ...given };
  // What takes long, such as a download, comes before process 0 waits.
  if (!resumes) await resolveConfig(asked);
  const roster = await join(asked, resumes);
  try {
    const { config: told, images } = roster.news;
    const { dataDir, classes, cache, dataUrl, download } = given;
    const config = await roster.guard(resolveConfig({
      ...told,
      dataDir: resumes ? told.dataDir : undefined,
      workers: undefined,
      threads: undefined,
      tensorboard: false,
      ...operational(given),
      // What lies on this machine.
      ...(resumes && dataDir === undefined ? {} : { classes, cache }),
      dataUrl,
      download,
      dir: undefined,
      init: undefined,
    }));
    if (config.images !== told.images) {
      throw refuseData(
        config,
        `it has ${config.images} images where process 0 has ${told.images}`,
      );
    }
    if (await digestOf(trainSource(config)) !== images) {
      throw refuseData(config, "its images are not those of process 0");
    }
    return { roster, config };
  } catch (error) {
    const reason = await roster.explain(error);
    roster[Symbol.dispose]();
    throw reason;
  }
}
