/** Why TensorFlow with CUDA finds no GPU, and which GPUs a process uses. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  cudaLibraries,
  preloadCuda,
  whyNoGpu,
} from "../src/engine/tensorflow/cuda.ts";
import { cpuXla, setRounding } from "../src/engine/tensorflow/environment.ts";
import { gpusOf, slurmGpus } from "../src/engine/tensorflow/gpu_share.ts";

const NOWHERE = "/nowhere/tensorflow/libtensorflow_cc.so.2";

Deno.test("each library of CUDA that cannot be loaded is named, with why", () => {
  const [driver, ...others] = cudaLibraries(NOWHERE);
  assertEquals(driver.file, "libcuda.so.1");
  assertEquals(others.length, 7);
  for (const { file, fault } of others) {
    assert(file.startsWith("/nowhere/nvidia/"), file);
    assertStringIncludes(fault!, "cannot open shared object file");
  }
  // A driver that can be loaded reports its version.
  if (driver.fault === undefined) assert(/^\d+\.\d+$/.test(driver.version!));
});

Deno.test("the warning names the first library that is missing", () => {
  const [driver] = cudaLibraries(NOWHERE);
  const missing = driver.fault ? "driver" : "CUDA runtime";
  assertStringIncludes(whyNoGpu(NOWHERE), `: ${missing} cannot be loaded: `);
});

Deno.test("CUDA's libraries that are missing do not end the loading", () => {
  preloadCuda(NOWHERE);
});

Deno.test("each process of a machine has GPUs of its own", () => {
  const gpus = ["4", "5", "6", "7"];
  const shares = (processes: number) =>
    Array.from({ length: processes }, (_, i) => gpusOf(i, { processes, gpus }));
  assertEquals(shares(2), ["4,6", "5,7"]);
  assertEquals(shares(4), gpus);
  assertEquals(shares(5), [...gpus, "4"]);
  assertEquals(gpusOf(0, { processes: 2, gpus: [] }), undefined);
  const slurm = (variables: Record<string, string>) =>
    slurmGpus((name) => variables[name]);
  const two = { CUDA_VISIBLE_DEVICES: "0,1", SLURM_LOCALID: "1" };
  assertEquals(slurm({ ...two, SLURM_STEP_TASKS_PER_NODE: "2(x3)" }), {
    own: "1",
    sharers: 1,
  });
  assertEquals(slurm({ ...two, SLURM_STEP_TASKS_PER_NODE: "4" }), {
    own: "1",
    sharers: 2,
  });
  // A single task keeps all GPUs, in any allocation; a task with one GPU keeps it.
  const alone = { SLURM_STEP_TASKS_PER_NODE: "1", SLURM_NTASKS_PER_NODE: "2" };
  assertEquals(slurm({ ...two, ...alone }), undefined);
  assertEquals(slurm({ ...two, CUDA_VISIBLE_DEVICES: "1" }), undefined);
  assertEquals(slurm({}), undefined);
});

Deno.test("XLA on a CPU is what the first engine of a process asked for", () => {
  const set = new Map<string, string>();
  const env = {
    get: (name: string) => set.get(name),
    set: (name: string, value: string) => void set.set(name, value),
    delete: (name: string) => void set.delete(name),
  };
  assertEquals(cpuXla(true, env), { xla: true });
  assertEquals(cpuXla(true, env), { xla: true });
  const { xla, warning } = cpuXla(false, env);
  assertEquals(xla, true);
  assertStringIncludes(warning!, "with XLA, as by the first engine");
  // A child process inherits the variable, and decides anew.
  set.set("EMP_SSL_XLA", `${Deno.pid + 1}:true`);
  assertEquals(cpuXla(false, env), { xla: false });
});

Deno.test("a later engine learns that fp32 is computed as the first one chose", () => {
  const override = "NVIDIA_TF32_OVERRIDE";
  const fresh = (entries: [string, string][] = []) => {
    const set = new Map(entries);
    const env = {
      get: (name: string) => set.get(name),
      set: (name: string, value: string) => void set.set(name, value),
      delete: (name: string) => void set.delete(name),
    };
    return { set, env };
  };
  const { set, env } = fresh();
  assertEquals(setRounding("fp32", env), undefined);
  assertEquals(set.get(override), "0");
  assertEquals(setRounding("fp32", env), undefined);
  assertStringIncludes(setRounding("tf32", env)!, "in fp32, as by the first");
  // A child process inherits the variables, and has its own first engine.
  set.set("EMP_SSL_ROUNDING", `${Deno.pid + 1}:fp32`);
  assertEquals(setRounding("bf16", env), undefined);
  assertEquals(set.get(override), undefined);
  assertEquals(setRounding("auto", env), undefined);
  assertStringIncludes(setRounding("fp32", env)!, "in TF32, as by the first");
  // What the user has set stays, and is no surprise.
  const own = fresh([[override, "1"]]);
  assertEquals(setRounding("fp32", own.env), undefined);
  assertEquals(setRounding("tf32", own.env), undefined);
  assertEquals(own.set.get(override), "1");
});
