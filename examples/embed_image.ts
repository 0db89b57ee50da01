/**
 * Prints the feature of one image as JSON.
 *
 *     deno run -A examples/embed_image.ts RUN IMAGE
 *
 * @module
 */
import { loadEncoder } from "../mod.ts";

const [modelPath, path] = Deno.args;
if (!modelPath || !path) throw new Error("give RUN and IMAGE");
using encoder = await loadEncoder({ modelPath, patches: 16 });
console.log(JSON.stringify([...await encoder.embed(path)]));
