/** Starts TensorFlow's server and says how it listens; for its test. */
import { openTensorFlowC } from "../src/engine/cluster/c_api.ts";
import { startServer } from "../src/engine/cluster/server.ts";
import {
  libraryPaths,
  locateBindings,
} from "../src/engine/tensorflow/locate.ts";

const [binding] = await locateBindings(["gpu", "cpu"]);
const c = openTensorFlowC(libraryPaths(binding.path));
const { alone } = await startServer(c, {
  addresses: Deno.args,
  task: 0,
  session: { allowSoftPlacement: true },
});
console.log(alone ? "alone" : "everywhere");
await new Promise(() => setTimeout(() => {}, 60_000));
