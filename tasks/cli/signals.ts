/**
 * The signals that end a run in order.
 *
 * @module
 */
import { exit } from "./main.ts";

/** Exit codes of programs that a signal has ended. */
export const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first signal ends the run in order, the second at once. */
export function listen(controller: AbortController): {
  code: number;
  stop(): void;
} {
  const listeners: [Deno.Signal, () => void][] = [];
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
      if (controller.signal.aborted) exit(code);
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
