/**
 * Makes training runs one after another, as told by its first argument, and prints what
 * they gave. A separate program, since TensorFlow's thread pool is shared by a whole
 * process and the runs need one thread.
 */
import { messageOf } from "../src/common/errors.ts";
import type { TrainChoices } from "../src/train/choices.ts";
import { train } from "../src/train/train.ts";

/** A run, and the step after which it is interrupted. */
export interface Told {
  choices: TrainChoices;
  resume?: string;
  until?: number;
}

/** The step and patch size of each `resize` event, or the error. */
async function trained({ choices, resume, until }: Told) {
  const controller = new AbortController(), sizes: number[] = [];
  const { signal } = controller;
  try {
    for await (const event of train(choices, { signal, resume })) {
      if (event.type === "resize") sizes.push(event.step, event.patchSize);
      if (event.type === "step" && event.metrics.step + 1 === until) {
        controller.abort();
      }
    }
    return sizes;
  } catch (error) {
    return messageOf(error);
  }
}

if (import.meta.main) {
  const results: (number[] | string)[] = [];
  for (const told of JSON.parse(Deno.args[0]!) as Told[]) {
    results.push(await trained(told));
  }
  console.log(JSON.stringify(results));
}
