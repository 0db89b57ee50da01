/** Starts TensorFlow's server and prints where it listens; for replicas_test.ts. */
import { openTensorFlow } from "../src/engine/tensorflow/c_api.ts";
import { startServer } from "../src/engine/tensorflow/server.ts";
import { installedLibraries } from "../src/engine/setup/locate.ts";

const [library] = await installedLibraries(["gpu", "cpu"]);
const c = openTensorFlow(library.path);
const { alone } = await startServer(c, {
  addresses: Deno.args,
  task: 0,
  session: { allowSoftPlacement: true },
});
console.log(alone ? "alone" : "everywhere");
await new Promise(() => setTimeout(() => {}, 60_000));
