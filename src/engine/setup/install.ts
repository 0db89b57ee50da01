/**
 * Installs TensorFlow's C library from its wheel. The files are unpacked into a
 * temporary folder, which is renamed at the end, so that an interrupted set-up is
 * never mistaken for a complete one. A file lock, which the system releases when
 * the process ends, prevents two set-ups at the same time.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { cacheFolder } from "../../common/cache.ts";
import { EmpSslError, messageOf } from "../../common/errors.ts";
import { Failure } from "../../common/failure.ts";
import { lockFile } from "../../common/file_lock.ts";
import { installedLibraries } from "./locate.ts";
import { checkPip, lastLine, runProgram, setupError } from "./pip.ts";
import {
  engineFolder,
  PYTHON_VERSION,
  TENSORFLOW_VERSION,
  type Variant,
  type WheelRequest,
  wheelRequest,
} from "./wheels.ts";

/** Receives what the set-up is doing; `bytes` grows during the download. */
export type OnProgress = (what: string, bytes?: number) => void;

/** Free disk space that a set-up needs, in bytes. */
const SPACE_NEEDED: Record<Variant, number> = { cpu: 2.5e9, gpu: 14e9 };
async function checkSpace(folder: string, variant: Variant): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = Number(bavail) * Number(bsize);
  if (free < SPACE_NEEDED[variant]) {
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    throw setupError(
      `TensorFlow in ${folder}`,
      `${gigabytes(free)} GB are free and ${
        gigabytes(SPACE_NEEDED[variant])
      } GB are needed`,
      "free some, or name another folder in EMP_SSL_CACHE",
    );
  }
}

/** Bytes of all files under a folder. */
async function bytesUnder(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      bytes += entry.isDirectory
        ? await bytesUnder(path)
        : (await Deno.stat(path)).size;
    }
  } catch {
    // Files appear and disappear while pip runs.
  }
  return bytes;
}

/** Turns pip's output into an error with a remedy. */
function pipError(text: string): EmpSslError {
  if (/No space left|Errno 28/i.test(text)) {
    return setupError(
      "TensorFlow",
      "the disk is full",
      "free some space, or name another folder in EMP_SSL_CACHE",
    );
  }
  if (/do not match the hashes|HASH/i.test(text)) {
    return setupError(
      "TensorFlow",
      "the downloaded wheel is not the published one (its SHA-256 differs)",
      "check the package index that pip uses",
    );
  }
  if (
    /connection|resolve|timed out|No matching distribution|ProxyError|SSLError/i
      .test(text)
  ) {
    return setupError(
      "TensorFlow",
      `pip could not get the wheel (${lastLine(text)})`,
      "connect to the network or to a mirror of the package index, then run this again",
    );
  }
  return setupError(
    "TensorFlow",
    `pip failed: ${lastLine(text)}`,
    "fix that, then run this again",
  );
}

/** Downloads the wheels and unpacks them into `folder/site`. */
async function fetchWheels(
  folder: string,
  { variant, tags, requirements }: WheelRequest,
  onProgress: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = `${folder}/tmp`;
  await Deno.mkdir(temporary);
  const list = `${folder}/requirements.txt`;
  await Deno.writeTextFile(list, requirements.join("\n") + "\n");
  // An error of the user's callback ends the set-up, not the process.
  const callbacks = new Failure();
  const report = callbacks.catching(onProgress);
  const timer = setInterval(async () => {
    report(`TensorFlow ${TENSORFLOW_VERSION}`, await bytesUnder(folder));
  }, 1000);
  try {
    onProgress(`TensorFlow ${TENSORFLOW_VERSION} (${variant})`);
    const result = await runProgram(
      "python3",
      [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        ...["--no-deps", "--require-hashes"],
        ...["--python-version", PYTHON_VERSION, "--implementation", "cp"],
        ...tags.flatMap((tag) => ["--platform", tag]),
        ...["--target", `${folder}/site`],
        ...["-r", list],
      ],
      // A user's settings that a folder of our own has no use for would end pip.
      { TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: "0", PIP_USER: "0" },
      signal,
    );
    signal?.throwIfAborted();
    await callbacks.guard(Promise.resolve());
    if (!result?.success) throw pipError(result?.text ?? "");
  } finally {
    clearInterval(timer);
    await Deno.remove(temporary, { recursive: true });
  }
}

/** Removes the files that only Python needs. */
async function prune(folder: string): Promise<void> {
  const tensorflow = `${folder}/site/tensorflow`;
  let libraries = 0;
  for await (const entry of Deno.readDir(tensorflow)) {
    if (entry.name.startsWith("libtensorflow_")) libraries++;
    else await Deno.remove(`${tensorflow}/${entry.name}`, { recursive: true });
  }
  if (libraries === 0) throw new Error("the wheel holds no library");
}

/** The folder of a set-up that has not ended: see {@linkcode unpack}. */
const LEFTOVER = /^tensorflow-.+-[0-9a-f]{8}\.partial$/;

/** Removes the remains of interrupted set-ups. The caller must hold the lock. */
async function removeLeftovers(cache: string): Promise<void> {
  for await (const entry of Deno.readDir(cache)) {
    // The folder may be one of the user's, with files of other programs.
    if (LEFTOVER.test(entry.name)) {
      // A pip whose set-up was killed may still write there.
      await Deno.remove(`${cache}/${entry.name}`, { recursive: true })
        .catch(() => {});
    }
  }
}

async function unpack(
  variant: Variant,
  onProgress: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  const final = engineFolder(variant);
  // Its own name: pip may go on for a while after this process was killed.
  const folder = `${final}-${crypto.randomUUID().slice(0, 8)}.partial`;
  const request = wheelRequest(variant);
  await checkPip();
  await checkSpace(cacheFolder(), variant);
  // An existing folder has lost its library: otherwise nothing would be installed.
  await Deno.remove(final, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder);
  try {
    await fetchWheels(folder, request, onProgress, signal);
    await prune(folder);
    await Deno.rename(folder, final);
  } catch (error) {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    throw error;
  }
}

/**
 * Installs TensorFlow, unless it is installed already.
 *
 * @param variant For the CPU alone, or with CUDA.
 * @param onProgress Receives the progress.
 * @param signal Aborts the installation and removes its files.
 * @throws {EmpSslError} `SETUP_FAILED`, naming the remedy.
 */
export async function installEngine(
  variant: Variant,
  onProgress: OnProgress,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const cache = cacheFolder();
  const isThere = async () => (await installedLibraries([variant])).length > 0;
  if (await isThere()) return;
  let lock: Deno.FsFile | undefined;
  try {
    await Deno.mkdir(cache, { recursive: true });
    lock = await Deno.open(`${cache}/set-up.lock`, {
      create: true,
      write: true,
    });
    const onWait = () =>
      onProgress("TensorFlow: another process is setting it up");
    await lockFile(lock, onWait, signal);
  } catch (error) {
    lock?.close();
    signal?.throwIfAborted();
    throw setupError(
      `TensorFlow in ${cache}`,
      messageOf(error),
      "make the folder writable, or name another in EMP_SSL_CACHE",
      error,
    );
  }
  using _ = lock;
  if (await isThere()) return;
  try {
    await removeLeftovers(cache);
    await unpack(variant, onProgress, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof EmpSslError) throw error;
    throw setupError(
      `TensorFlow in ${cache}`,
      messageOf(error),
      "fix that, then run this again",
      error,
    );
  }
}
