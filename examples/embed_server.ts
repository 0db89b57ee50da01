/**
 * An HTTP server that answers each posted image with its feature, as JSON.
 *
 *     deno run -A examples/embed_server.ts RUN
 *     curl --data-binary @photo.jpg http://127.0.0.1:8000
 *
 * TensorFlow computes in threads of its own, on all cores, and the server goes on
 * listening; another engine blocks this thread, and would need a worker.
 *
 * @module
 */
import { isEmpSslError, loadEncoder } from "../mod.ts";

const [modelPath, port = "8000"] = Deno.args;
if (!modelPath) throw new Error("give RUN");
const encoder = await loadEncoder({ modelPath, patches: 16 });

/** Most bytes of an image file. */
const MOST = 20_000_000;

Deno.serve({ hostname: "127.0.0.1", port: Number(port) }, async (request) => {
  if (request.method !== "POST") {
    return new Response("Post an image file", { status: 405 });
  }
  // A client that sends no length, or breaks off, gets no feature.
  const length = Number(request.headers.get("content-length") ?? Infinity);
  if (length > MOST) return new Response("Too large", { status: 413 });
  try {
    const feature = await encoder.embed(await request.bytes());
    return Response.json([...feature]);
  } catch (error) {
    if (error instanceof Deno.errors.BadResource) {
      return new Response("Broken off", { status: 400 });
    }
    if (!isEmpSslError(error) || error.code !== "INVALID_DATA") throw error;
    return new Response(error.message, { status: 400 });
  }
});
