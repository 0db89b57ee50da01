/**
 * Serves the live page on the loopback address: read-only, to this machine
 * alone.
 *
 * @module
 */
import { umap, uplot, uplotStyle } from "../deps/web_assets.ts";
import { EmpSslError, messageOf } from "../common/errors.ts";
import palette from "../style/palette.css" with { type: "text" };
import script from "./page.js" with { type: "text" };
import style from "./page.css" with { type: "text" };
import page from "./page.html" with { type: "text" };

const HOST = "127.0.0.1";

const TEXTS: Record<string, [text: string, type: string]> = {
  "/": [page, "text/html"],
  "/page.js": [script, "text/javascript"],
  "/palette.css": [palette, "text/css"],
  "/page.css": [style, "text/css"],
  "/uplot.js": [uplot, "text/javascript"],
  "/uplot.css": [uplotStyle, "text/css"],
  "/umap.js": [umap, "text/javascript"],
};

const HEADERS = {
  "content-security-policy": "default-src 'none'; script-src 'self'; " +
    "style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** The dynamic content of the page. */
export interface Content {
  /** Server-sent events. */
  events(): ReadableStream<Uint8Array>;
  /** The patches of the last batch, as PNG. */
  patches(): Promise<Uint8Array> | undefined;
  /** Data about the last batch, as JSON. */
  batch(): string;
}

function answer(
  body: BodyInit | null,
  type: string,
  status = 200,
): Response {
  const headers = { ...HEADERS, "content-type": `${type}; charset=utf-8` };
  return new Response(body, { status, headers });
}

/**
 * Whether the host of a request is this machine: a page of another site could otherwise
 * read this one through DNS rebinding. The port may differ, as with an ssh tunnel.
 */
function isLocalName(host: string | null): boolean {
  const name = host?.replace(/:\d+$/, "").toLowerCase();
  return name === HOST || name === "localhost" || name === "[::1]";
}

async function respond(
  request: Request,
  content: Content,
): Promise<Response> {
  if (!isLocalName(request.headers.get("host"))) {
    return answer(
      "This page is served only to this machine.",
      "text/plain",
      403,
    );
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return answer("This page is read-only.", "text/plain", 405);
  }
  const pathname = URL.parse(request.url)?.pathname;
  if (pathname === undefined) {
    return answer("The address is not valid.", "text/plain", 400);
  }
  const text = TEXTS[pathname];
  if (text !== undefined) return answer(...text);
  if (pathname === "/events") {
    return answer(content.events(), "text/event-stream");
  }
  if (pathname === "/batch.json") {
    return answer(content.batch(), "application/json");
  }
  if (pathname === "/patches.png") {
    const png = await content.patches();
    if (png !== undefined) return answer(png as BodyInit, "image/png");
  }
  return answer("Not found.", "text/plain", 404);
}

/** A page that is served. */
export interface Served {
  /** Its address. */
  url: string;
  /** Stops the server. */
  close(): Promise<void>;
}

/** How long viewers may go on reading what there is at the end. */
const LAST_READ_MS = 5000;

/**
 * Serves a page.
 *
 * @param port The port; 0 takes any that is free.
 * @throws {EmpSslError} `INVALID_ARGUMENT` where the port is not available.
 */
export function serve(port: number, content: Content): Served {
  let server: Deno.HttpServer<Deno.NetAddr>;
  const controller = new AbortController();
  try {
    server = Deno.serve({
      signal: controller.signal,
      hostname: HOST,
      port,
      onListen() {},
      handler: (request) => respond(request, content),
    });
  } catch (error) {
    throw new EmpSslError({
      action: "serve the live page on",
      subject: `port ${port}`,
      found: messageOf(error),
      remedy: "name another with --dashboard PORT",
      code: "INVALID_ARGUMENT",
      cause: error,
    });
  }
  // An open connection of a viewer must not keep the process running.
  server.unref();
  return {
    url: `http://${HOST}:${server.addr.port}/`,
    async close() {
      // One that has stopped reading, such as a suspended tab, is cut off.
      const late = setTimeout(() => controller.abort(), LAST_READ_MS);
      await Promise.race([server.shutdown(), server.finished]);
      clearTimeout(late);
    },
  };
}
