/**
 * The CUDA libraries that TensorFlow needs, and which of them cannot be loaded.
 * TensorFlow reports only in its log why it finds no GPU.
 *
 * @module
 */
import { messageOf } from "../../common/errors.ts";

/** A library, and whether this process can load it. */
export interface CudaLibrary {
  /** Its name: `driver`, `CUDA runtime`, `cuDNN`. */
  what: string;
  /** Its file: a system library, or one installed with TensorFlow. */
  file: string;
  /** Its version, if the library reports one. */
  version?: string;
  /** Why it cannot be loaded. */
  fault?: string;
}

/** `12090` is 12.9: 1000·major + 10·minor. */
function cudaVersion(number: number): string {
  return `${Math.floor(number / 1000)}.${Math.floor(number % 1000 / 10)}`;
}

/** `91400` is 9.14.0, from cuDNN 9 on. */
function cudnnVersion(number: number): string {
  const parts = [number / 10_000, number / 100 % 100, number % 100];
  return parts.map(Math.floor).join(".");
}

interface Needed {
  what: string;
  file: string;
  version?: (path: string) => string;
}

/** Reads a version from a C function that writes it through a pointer. */
function writtenVersion(name: string): (path: string) => string {
  return (path) => {
    const number = new Int32Array(1);
    const symbol = { name, parameters: ["buffer"], result: "i32" } as const;
    Deno.dlopen(path, { get: symbol }).symbols.get(number);
    return cudaVersion(number[0]!);
  };
}

function cudnn(path: string): string {
  const symbol = {
    name: "cudnnGetVersion",
    parameters: [],
    result: "usize",
  } as const;
  return cudnnVersion(Number(Deno.dlopen(path, { get: symbol }).symbols.get()));
}

/** The libraries, each after those that it needs. */
const NEEDED: Needed[] = [
  {
    what: "driver",
    file: "libcuda.so.1",
    version: writtenVersion("cuDriverGetVersion"),
  },
  {
    what: "CUDA runtime",
    file: "cuda_runtime/lib/libcudart.so.12",
    version: writtenVersion("cudaRuntimeGetVersion"),
  },
  { what: "cuBLAS", file: "cublas/lib/libcublas.so.12" },
  { what: "cuDNN", file: "cudnn/lib/libcudnn.so.9", version: cudnn },
  { what: "cuFFT", file: "cufft/lib/libcufft.so.11" },
  { what: "cuSPARSE", file: "cusparse/lib/libcusparse.so.12" },
  { what: "cuSOLVER", file: "cusolver/lib/libcusolver.so.11" },
  { what: "NCCL", file: "nccl/lib/libnccl.so.2" },
];

/** Libraries that those of `NEEDED` open by name, each after those that it needs. */
const OPENED_BY_NAME = [
  "cuda_runtime/lib/libcudart.so.12",
  "nvjitlink/lib/libnvJitLink.so.12",
  "cuda_nvrtc/lib/libnvrtc.so.12",
  "cublas/lib/libcublasLt.so.12",
  "cublas/lib/libcublas.so.12",
  "cuda_cupti/lib/libcupti.so.12",
  "cudnn/lib/libcudnn.so.9",
  "cudnn/lib/libcudnn_graph.so.9",
  "cudnn/lib/libcudnn_ops.so.9",
  "cudnn/lib/libcudnn_cnn.so.9",
  "cudnn/lib/libcudnn_heuristic.so.9",
  "cudnn/lib/libcudnn_engines_precompiled.so.9",
  "cudnn/lib/libcudnn_engines_runtime_compiled.so.9",
];

/** The folder of NVIDIA's libraries that belong to a library of TensorFlow. */
function siteOf(library: string): string {
  return library.replace(/\/tensorflow\/[^/]*$/, "/nvidia");
}

/**
 * Loads NVIDIA's libraries from where they were set up. TensorFlow opens them by name,
 * and the linker would take others in LD_LIBRARY_PATH first; one that is loaded already
 * is taken before both.
 */
export function preloadCuda(library: string): void {
  const needed = NEEDED.map(({ file }) => file).filter((file) =>
    file.includes("/") && !OPENED_BY_NAME.includes(file)
  );
  for (const file of [...OPENED_BY_NAME, ...needed]) {
    try {
      Deno.dlopen(`${siteOf(library)}/${file}`, {});
    } catch {
      // TensorFlow finds no GPU then, and `whyNoGpu` names the library.
    }
  }
}

/**
 * Tries every library that TensorFlow needs for a GPU.
 *
 * @param library The path of TensorFlow's library, next to which the others are.
 */
export function cudaLibraries(library: string): CudaLibrary[] {
  const site = siteOf(library);
  return NEEDED.map(({ what, file, version }) => {
    const path = file.includes("/") ? `${site}/${file}` : file;
    try {
      Deno.dlopen(path, {});
      return { what, file: path, version: version?.(path) };
    } catch (error) {
      const [found] = messageOf(error).split("\n");
      const fault = found!.replace(/^(Could not open library: )+/, "");
      return { what, file: path, fault };
    }
  });
}

/** Why the GPU variant computes on the CPU, and the remedy. */
export function whyNoGpu(library: string): string {
  const missing = cudaLibraries(library).find(({ fault }) => fault);
  const found = missing === undefined
    ? "all CUDA libraries load, but TensorFlow finds no usable GPU"
    : `${missing.what} cannot be loaded: ${missing.fault}`;
  const remedy = missing === undefined
    ? "check `nvidia-smi` and CUDA_VISIBLE_DEVICES"
    : missing.what === "driver"
    ? "install NVIDIA's driver; without a GPU, TensorFlow for the processor is " +
      "enough"
    : "remove TensorFlow's folder from the cache and set it up again";
  return `TensorFlow with CUDA computes on the processor: ${found}; ${remedy}`;
}
