/**
 * Trains on a folder of images (`train/<class>/*`, `test/<class>/*`) and tests
 * the result.
 *
 *     deno run -A examples/train_and_evaluate.ts FOLDER RUN
 *
 * @module
 */
import { evaluate, setUpTensorFlow, train } from "../mod.ts";

const [dataDir, dir] = Deno.args;
if (!dataDir || !dir) throw new Error("give FOLDER and RUN");
await setUpTensorFlow({}, {
  onEvent: ({ what }) => console.log(`Setting up ${what}`),
});

const events = train({
  data: "folder",
  dataDir,
  dir,
  // Tiny, so that the example ends soon: for real data leave these four out.
  arch: "resnet18-cifar",
  epoch: 1,
  bs: 4,
  numPatches: 4,
});
for await (const event of events) {
  if (event.type === "step") {
    const { step, loss, patchesPerSecond: rate } = event.metrics;
    console.log(
      `step ${step}: loss ${loss.toFixed(2)}, ${Math.round(rate)} patches/s`,
    );
  }
}

const { knn, linear } = await evaluate({ modelPath: dir, testPatches: 4 });
console.log(`kNN ${knn!.top1}, linear probe ${linear!.last.top1}`);
