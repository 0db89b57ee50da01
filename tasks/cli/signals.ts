/**
 * The signals that end a run in order.
 *
 * @module
 */
import { exit } from "./main.ts";

/** Exit codes of programs that a signal has ended. */
export const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Milliseconds in which a second signal repeats the first one: `deno task`
 * passes an interrupt on that the terminal has sent to its whole group already.
 */
const SAME_SIGNAL = 1000;

/** The first signal ends the run in order, a later one at once. */
export function listen(controller: AbortController): {
  code: number;
  stop(): void;
} {
  const listeners: [Deno.Signal, () => void][] = [];
  let first = 0;
  const outcome = {
    code: 0,
    stop() {
      for (const [name, act] of listeners) {
        Deno.removeSignalListener(name, act);
      }
    },
  };
  for (const [name, code] of Object.entries(SIGNALS)) {
    const act = () => {
      const now = performance.now();
      if (controller.signal.aborted) {
        if (now - first >= SAME_SIGNAL) exit(code);
        return;
      }
      first = now;
      outcome.code = code;
      console.error(
        `\n${name}: ending after this step (again: at once, back to the last checkpoint)`,
      );
      controller.abort();
    };
    Deno.addSignalListener(name as Deno.Signal, act);
    listeners.push([name as Deno.Signal, act]);
  }
  return outcome;
}
