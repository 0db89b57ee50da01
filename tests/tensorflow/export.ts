/** Exports, each checked in the program that it is meant for. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { EmpSslError } from "../../src/common/errors.ts";
import { type ExportConfig, exportModel } from "../../src/export/export.ts";
import {
  architecture,
  type ArchitectureName,
} from "../../src/model/architectures.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { initialState } from "../../src/model/tensors.ts";
import {
  encodeModel,
  readCheckpoint,
} from "../../src/checkpoint/checkpoint.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
} from "../../src/checkpoint/safetensors.ts";
import { checkExport } from "../../src/export/check.ts";
import { samplePatches } from "../../src/export/sample_patches.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { TRAIN_DEFAULTS } from "../../src/train/choices.ts";
import { loadEncoder } from "../../src/evaluate/load_encoder.ts";
import { photo } from "../formula.ts";
import { withFolder } from "../images.ts";
import { useTensorFlow } from "./engine.ts";

const { ignore, reason, engine } = await useTensorFlow("fp32");

/** Writes a checkpoint with other running statistics than a new network's. */
async function writeCheckpoint(
  path: string,
  arch: ArchitectureName,
): Promise<void> {
  const config = await resolveConfig({ ...TRAIN_DEFAULTS, arch });
  const specs = tensorSpecs(architecture(arch).model);
  const state = initialState(specs, 1);
  for (const { name, kind } of specs) {
    if (kind !== "norm.running_mean" && kind !== "norm.running_var") continue;
    const values = state.get(name)!;
    values.forEach((v, i) => values[i] = v + 0.1 * Math.sin(i));
  }
  await Deno.writeFile(path, encodeModel(state, { config, step: 3 }));
}

type Choices = Partial<ExportConfig>;
const CASES: Choices[] = [
  { format: "safetensors", part: "backbone" },
  { format: "safetensors", precision: "fp16" },
  { format: "onnx" },
  { format: "onnx", part: "backbone", precision: "fp16", batch: 2 },
  { format: "savedmodel" },
  { format: "savedmodel", precision: "fp16", batch: 3 },
  { format: "tfjs" },
  { format: "tfjs", part: "backbone", precision: "fp16", batch: 1 },
];

Deno.test({
  name: `exports give our features in other programs${reason}`,
  ignore,
  fn: async (t) => {
    await withFolder(async (dir) => {
      const modelPath = `${dir}/model.safetensors`;
      await writeCheckpoint(modelPath, "resnet18-cifar");
      for (const [i, choices] of CASES.entries()) {
        const name = Object.values(choices).join(" ");
        await t.step(name, async () => {
          const out = `${dir}/out-${i}`;
          const { files, distance } = await exportModel({
            modelPath,
            out,
            ...choices,
          });
          assert(distance < (choices.precision === "fp16" ? 1e-2 : 1e-4));
          assertEquals(
            [...Deno.readDirSync(out)].map((e) => e.name).sort(),
            files.toSorted(),
          );
          const card = await Deno.readTextFile(`${out}/README.md`);
          assert(card.includes("| trained on | shapes, 1500 images"));
        });
      }
      await t.step("an export with one other weight is refused", async () => {
        const out = `${dir}/changed`;
        await exportModel({ modelPath, out, format: "safetensors" });
        const path = `${out}/model.safetensors`;
        const file = decodeSafetensors(await Deno.readFile(path), path);
        const tensors = [...file.tensors].map(([name, { shape, values }]) => ({
          ...{ name, shape },
          values: name === "conv1.weight" || name === "backbone.conv1.weight"
            ? values.map((v) => 2 * v)
            : values,
        }));
        await Deno.writeFile(path, encodeSafetensors(tensors, file.metadata));
        const { config, model, state } = readCheckpoint(modelPath);
        const { patchSize } = config;
        const request = {
          ...{ model, state, patchSize },
          ...{ part: "encoder", precision: "fp32" } as const,
        };
        const patches = await samplePatches(config, 4);
        const check = () =>
          checkExport("safetensors", out, request, patches, engine!);
        await assertRejects(check, EmpSslError, "differ from ours by");
      });
      await t.step("an export that is ended leaves nothing", async () => {
        const controller = new AbortController(), { signal } = controller;
        const out = `${dir}/ended`;
        const exporting = exportModel(
          { modelPath, out, format: "onnx" },
          { signal },
        );
        // Right after the start, while the engine is being loaded.
        setTimeout(() => controller.abort(new Error("enough")), 0);
        await assertRejects(() => exporting, Error, "enough");
        assertEquals([...Deno.readDirSync(out)], []);
      });
      await t.step("images embedded at once are as one by one", async () => {
        using encoder = await loadEncoder({ modelPath, patches: 2 });
        const images = [0, 1, 2, 3].map((seed) => photo(40, 30, seed));
        const wanted: Float32Array[] = [];
        for (const image of images) wanted.push(await encoder.embed(image));
        const found = await Promise.all(
          images.map((image) => encoder.embed(image)),
        );
        assertEquals(found, wanted);
        assert(wanted[0]!.some((value, i) => value !== wanted[1]![i]));
        // Also by `using` afterwards: the library would free the session twice.
        encoder.dispose();
        await assertRejects(
          () => encoder.embed(images[0]!),
          EmpSslError,
          "Cannot compute with the model: it has been disposed of",
        );
      });
      await t.step("an export is no checkpoint, and says so", async () => {
        const out = `${dir}/weights`;
        await exportModel({ modelPath, out });
        await assertRejects(
          () => loadEncoder({ modelPath: `${out}/model.safetensors` }),
          EmpSslError,
          "it is an exported network",
        );
      });
      await t.step("what a killed export left is replaced", async () => {
        const out = `${dir}/killed`;
        Deno.mkdirSync(`${out}/.unchecked`, { recursive: true });
        Deno.writeTextFileSync(`${out}/.unchecked/model.safetensors`, "half");
        const { files } = await exportModel({ modelPath, out });
        assertEquals(
          [...Deno.readDirSync(out)].map(({ name }) => name).sort(),
          files.sort(),
        );
      });
      await t.step("a folder that holds something is refused", async () => {
        await assertRejects(
          () => exportModel({ modelPath, out: dir }),
          EmpSslError,
          "it is not empty",
        );
      });
    });
  },
});

Deno.test({
  name: `ONNX Runtime leaves nothing in the user's folders${reason}`,
  ignore,
  fn: async () => {
    await withFolder(async (home) => {
      const file = import.meta.resolve("../../src/deps/onnxruntime.ts");
      const program = `
        import { loadOnnxRuntime } from "${file}";
        const { InferenceSession } = await loadOnnxRuntime();
        await InferenceSession.create(new Uint8Array(3), {}).catch(() => {});`;
      const info = new Deno.Command(Deno.execPath(), {
        args: ["info", "--json"],
      });
      const { stdout } = await info.output();
      const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", program],
        env: { HOME: home, XDG_CACHE_HOME: `${home}/c`, DENO_DIR: denoDir },
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      assertEquals([...Deno.readDirSync(home)], []);
    });
  },
});

Deno.test({
  name: `the stem of ImageNet is exported too${reason}`,
  ignore,
  fn: async (t) => {
    await withFolder(async (dir) => {
      const modelPath = `${dir}/model.safetensors`;
      await writeCheckpoint(modelPath, "resnet18-imagenet");
      for (const format of ["onnx", "savedmodel", "tfjs"] as const) {
        await t.step(format, async () => {
          const out = `${dir}/${format}`;
          const { distance } = await exportModel({ modelPath, out, format });
          assert(distance < 1e-4, `${distance}`);
        });
      }
    });
  },
});
