/**
 * The communication of a step with replicas and nothing else: all-gather of the
 * embeddings, all-reduce of the gradients and of the running statistics.
 *
 * @module
 */
import type { TrainerOptions } from "../../src/engine/engine.ts";
import type { GraphEngine } from "../../src/engine/tensorflow/graph_engine.ts";
import { Collectives } from "../../src/engine/trace/collectives.ts";
import { prefixOf } from "../../src/engine/trace/names.ts";
import { trace } from "../../src/engine/trace/trace.ts";
import { output } from "../../src/engine/trace/variables.ts";
import { tensorSpecs } from "../../src/model/parameters.ts";
import { isTrainable } from "../../src/model/tensors.ts";

/** The runs to be timed: embeddings, gradients, statistics. */
export interface CollectiveRuns extends Disposable {
  runs: (() => Promise<unknown>)[];
}

/** The collective operations of a step, as a separate graph. */
export function collectiveRuns(
  engine: GraphEngine,
  { model, images, patches }: TrainerOptions,
): CollectiveRuns {
  const group = engine.replicas!;
  const specs = tensorSpecs(model);
  const rows = images / group.count * patches;
  const names = ["embeddings", "gradients", "statistics"];
  const settings = group.settingsWithoutSlots();
  const graph = trace({ precision: "fp32" }, (graph, backend) => {
    for (const [i, device] of group.devices.entries()) {
      graph.place = { prefix: prefixOf(i), device };
      const own = new Collectives(graph, backend, settings, 0);
      const sum = (trainable: boolean) => {
        own.begin();
        return own.sumValues(
          specs.filter((spec) => isTrainable(spec) === trainable)
            .map(({ shape }, i) => graph.fill(shape, i / 1000)),
        );
      };
      const z = backend.tensor(graph.fill([rows, model.embedding], 0.5));
      const gathered = backend.value(own.gatherImages(z, patches));
      const sent = [[gathered], sum(true), sum(false)];
      for (const [i, values] of sent.entries()) {
        const nodes = values.map(({ name }) => name.split(":")[0]);
        output(graph, graph.scalar(1), nodes, names[i]);
      }
    }
  });
  const session = engine.session(graph.graphDef());
  return {
    runs: names.map((name) => () =>
      session.run([], group.devices.map((_, i) => prefixOf(i) + name))
    ),
    [Symbol.dispose]: () => session[Symbol.dispose](),
  };
}
