/**
 * Evaluates a run twice: with a callback that throws, and with a signal that is aborted
 * during the linear probe. Prints what each evaluation rejected with, and how many
 * epochs its probe had made. A separate program, since a process can load TensorFlow in
 * one thread only.
 */
import { messageOf } from "../src/errors.ts";
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
console.log(JSON.stringify(outcomes));
