/**
 * The folder for what this project has built and downloaded.
 *
 * @module
 */
import { EmpSslError } from "./errors.ts";

/** The user's cache folder for this project. */
export function cacheFolder(): string {
  const own = Deno.env.get("EMP_SSL_CACHE");
  if (own) return own;
  const home = Deno.env.get("XDG_CACHE_HOME") ||
    (Deno.env.get("HOME") ? `${Deno.env.get("HOME")}/.cache` : undefined);
  if (home === undefined) {
    throw new EmpSslError({
      action: "find",
      subject: "the cache folder",
      found: "neither HOME nor XDG_CACHE_HOME is set",
      remedy: "name one in EMP_SSL_CACHE",
      code: "SETUP_FAILED",
    });
  }
  return `${home}/emp-ssl`;
}
