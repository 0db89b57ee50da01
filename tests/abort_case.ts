/**
 * Evaluates a run with callbacks that throw, with a signal that is aborted during the
 * linear probe, and with one that is aborted between two batches of the features, which
 * the next call continues; and trains until a signal that is aborted at a checkpoint.
 * Prints what each evaluation rejected with and how many epochs its probe had made; what
 * was continued; accuracies with and without interruption; and the training's events. A
 * separate program, since a process can load TensorFlow in one thread only.
 */
import { messageOf } from "../src/common/errors.ts";
import { train } from "../src/train/train.ts";
import { NARROW_MODEL } from "./narrow.ts";
import { evaluate, type EvaluateEvent } from "../src/evaluate/evaluate.ts";

const [modelPath] = Deno.args;
const choices = {
  modelPath: modelPath!,
  ...{ testPatches: 1, limitTrain: 20, limitTest: 20, knn: false },
};

async function rejectionOf(
  act: (event: EvaluateEvent) => void,
  signal?: AbortSignal,
): Promise<[string, number]> {
  let epochs = 0;
  try {
    await evaluate(choices, {
      signal,
      onEvent(event) {
        if (event.type === "linear") epochs++;
        act(event);
      },
    });
    return ["none", epochs];
  } catch (error) {
    return [messageOf(error), epochs];
  }
}

/** The events of a run that is aborted at its first checkpoint. */
async function stoppedRun(dir: string): Promise<string[]> {
  const controller = new AbortController(), { signal } = controller;
  const events: string[] = [];
  const run = train({
    ...{ limitImages: 8, bs: 4, numPatches: 2, patchSize: 8, epoch: 3, dir },
    ...{ arch: "resnet18-cifar", model: NARROW_MODEL },
  }, { signal });
  for await (const { type } of run) {
    events.push(type);
    if (type === "checkpoint") controller.abort();
  }
  return events;
}

const controller = new AbortController();
const outcomes = [
  await rejectionOf(({ type }) => {
    if (type === "features") throw new Error("the user's error");
  }),
  await rejectionOf(({ type }) => {
    if (type === "linear") throw new Error("another error of the user");
  }),
  await rejectionOf(({ type }) => {
    if (type === "linear") controller.abort(new Error("enough"));
  }, controller.signal),
];

/** The accuracies of an evaluation in batches of 16 images, and where it resumed. */
async function accuracies(keepIn?: string, signal?: AbortSignal) {
  const resumed: string[] = [];
  const { linear, knn } = await evaluate({
    modelPath: modelPath!,
    ...{ testPatches: 64, limitTrain: 40, limitTest: 48, keepIn },
    precision: "fp32",
  }, {
    signal,
    onEvent(event) {
      if (event.type === "resumed") {
        resumed.push(`${event.split} ${event.done}`);
      }
      const { type } = event;
      if (type !== "features" || event.split !== "train") return;
      if (event.done >= 16) stopping.abort(new Error("stopped"));
    },
  });
  return { resumed, linear: linear!.last, knn };
}

const stopping = new AbortController(), keepIn = `${modelPath}/unfinished`;
const stopped = await accuracies(keepIn, stopping.signal)
  .catch((error) => messageOf(error));
const continued = await accuracies(keepIn);
const left = [...Deno.readDirSync(modelPath!)].map(({ name }) => name)
  .filter((name) => name === "unfinished");
const whole = await accuracies();
const ended = await stoppedRun(`${modelPath}-stopped`);
const told = { outcomes, stopped, continued, left, whole, ended };
console.log(JSON.stringify(told));
