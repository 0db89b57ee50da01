/**
 * The wheels that contain TensorFlow's C library, each with its version and
 * SHA-256, and the folder they are unpacked into.
 *
 * @module
 */
import { readSystemFile, systemFileExists } from "../../common/system_file.ts";
import { whyUnsupportedCpu } from "./cpu.ts";
import { cacheFolder } from "../../common/cache.ts";
import { EmpSslError } from "../../common/errors.ts";

/** TensorFlow for the CPU alone, or with CUDA. */
export type Variant = "cpu" | "gpu";

/** The release of TensorFlow whose C library is used. */
export const TENSORFLOW_VERSION = "2.21.0";

/** The version of the cache folder's layout. */
const LAYOUT = 2;

/** A pinned wheel, by pip's name. */
interface Wheel {
  distribution: string;
  version: string;
  sha256: string;
}

/** The wheels of a platform. */
interface Platform {
  /** The platform tags that pip may use. */
  tags: string[];
  /** The file of the library to load; the other libraries are its dependencies. */
  library: string;
  cpu: Wheel[];
  /** TensorFlow with CUDA, and the NVIDIA libraries that it loads. */
  gpu?: Wheel[];
}

const wheel = (distribution: string, version: string, sha256: string) => ({
  distribution,
  version,
  sha256,
});

const tensorflow = (distribution: string, sha256: string) =>
  wheel(distribution, TENSORFLOW_VERSION, sha256);

/** What pip resolves `tensorflow[and-cuda]` to, without the Python packages. */
const CUDA = [
  wheel(
    "nvidia-cublas-cu12",
    "12.9.3.13",
    "d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72",
  ),
  wheel(
    "nvidia-cuda-cupti-cu12",
    "12.8.90",
    "ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182",
  ),
  wheel(
    "nvidia-cuda-nvcc-cu12",
    "12.9.86",
    "5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0",
  ),
  wheel(
    "nvidia-cuda-nvrtc-cu12",
    "12.9.86",
    "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
  ),
  wheel(
    "nvidia-cuda-runtime-cu12",
    "12.9.79",
    "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
  ),
  wheel(
    "nvidia-cudnn-cu12",
    "9.28.0.42",
    "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375",
  ),
  wheel(
    "nvidia-cufft-cu12",
    "11.4.1.4",
    "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
  ),
  wheel(
    "nvidia-curand-cu12",
    "10.3.10.19",
    "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
  ),
  wheel(
    "nvidia-cusolver-cu12",
    "11.7.5.82",
    "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
  ),
  wheel(
    "nvidia-cusparse-cu12",
    "12.5.10.65",
    "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
  ),
  wheel(
    "nvidia-nccl-cu12",
    "2.32.3",
    "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c",
  ),
  wheel(
    "nvidia-nvjitlink-cu12",
    "12.9.86",
    "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
  ),
];

const LINUX_LIBRARY = "libtensorflow_cc.so.2";

const PLATFORMS: Record<string, Platform> = {
  "linux-x86_64": {
    tags: [
      "manylinux_2_27_x86_64",
      "manylinux_2_17_x86_64",
      "manylinux_2_12_x86_64",
      "manylinux2014_x86_64",
      "manylinux2010_x86_64",
    ],
    library: LINUX_LIBRARY,
    cpu: [
      tensorflow(
        "tensorflow-cpu",
        "dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb",
      ),
    ],
    gpu: [
      tensorflow(
        "tensorflow",
        "b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0",
      ),
      ...CUDA,
    ],
  },
  "linux-aarch64": {
    tags: ["manylinux_2_27_aarch64"],
    library: LINUX_LIBRARY,
    cpu: [
      tensorflow(
        "tensorflow",
        "b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552",
      ),
    ],
  },
  "darwin-aarch64": {
    tags: ["macosx_12_0_arm64"],
    library: "libtensorflow_cc.2.dylib",
    cpu: [
      tensorflow(
        "tensorflow",
        "56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712",
      ),
    ],
  },
};

/** The Python version in the wheels' tags; Python code of the wheels is not run. */
export const PYTHON_VERSION = "3.12";

function platform(): Platform | undefined {
  return PLATFORMS[`${Deno.build.os}-${Deno.build.arch}`];
}

/** The library's file on this platform; undefined if there is no wheel for it. */
export function libraryFile(): string | undefined {
  return platform()?.library;
}

/** What pip should download. */
export interface WheelRequest {
  /** For the CPU alone, or with CUDA. */
  variant: Variant;
  /** Platform tags, best first. */
  tags: string[];
  /** The lines of a requirements file, with digests. */
  requirements: string[];
}

/**
 * The wheels of a variant on this platform.
 *
 * @throws {EmpSslError} `ENGINE_UNAVAILABLE` if there are none, or they do not run on
 * this CPU.
 */
export function wheelRequest(variant: Variant): WheelRequest {
  const { os, arch } = Deno.build, found = platform();
  const wheels = found?.[variant];
  if (found === undefined || wheels === undefined) {
    const with_ = variant === "gpu" ? " with CUDA" : "";
    throw new EmpSslError({
      action: "set up",
      subject: `TensorFlow${with_} on ${os} ${arch}`,
      found: "no wheel holds its C library for this platform",
      remedy: variant === "gpu"
        ? "use Linux on x86-64, or leave out --variant gpu"
        : "use Linux on x86-64 or 64-bit Arm, or macOS on Apple silicon",
      code: "ENGINE_UNAVAILABLE",
    });
  }
  const unsupported = whyUnsupportedCpu();
  if (unsupported !== undefined) {
    throw new EmpSslError({
      action: "set up",
      subject: "TensorFlow",
      found: unsupported,
      remedy: "take another machine, or --engine webgpu or wasm",
      code: "ENGINE_UNAVAILABLE",
    });
  }
  return {
    variant,
    tags: found.tags,
    requirements: wheels.map(({ distribution, version, sha256 }) =>
      `${distribution}==${version} --hash=sha256:${sha256}`
    ),
  };
}

/** Whether there are wheels with CUDA for this platform. */
export function hasGpuWheels(): boolean {
  return platform()?.gpu !== undefined;
}

/**
 * Whether this machine has an NVIDIA GPU: its kernel driver is loaded and, in a
 * container, its device is there; or the driver of Windows is used (WSL 2).
 */
export function hasNvidiaGpu(): boolean {
  return readSystemFile("/proc/driver/nvidia/version") !== undefined &&
      systemFileExists("/dev/nvidiactl") ||
    readSystemFile("/proc/sys/fs/binfmt_misc/WSLInterop") !== undefined &&
      readSystemFile("/usr/lib/wsl/lib/libcuda.so.1") !== undefined;
}

/** The folder of a variant: its name contains all that its content depends on. */
export function engineFolder(variant: Variant): string {
  const { os, arch } = Deno.build;
  return `${cacheFolder()}/tensorflow-${TENSORFLOW_VERSION}-${variant}-${os}-${arch}-${LAYOUT}`;
}
