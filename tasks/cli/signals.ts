/**
 * Signals that end a run cleanly.
 *
 * @module
 */
import { readSystemFile } from "../../src/common/system_file.ts";
import { exit } from "./exit.ts";

/** The exit codes after these signals. */
export const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Whether this process was started so that it survives its terminal, by `nohup`. Where
 * it cannot be known (not Linux), it is assumed.
 */
export function ignoresHangUp(): boolean {
  const status = readSystemFile("/proc/self/status") ?? "";
  const [, ignored = "1"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  // SIGHUP is signal 1, the lowest bit.
  return (parseInt(ignored.at(-1)!, 16) & 1) === 1;
}

/**
 * A second signal within these milliseconds is a duplicate: the terminal sends an
 * interrupt to the whole process group, and `deno task` forwards it once more.
 */
const SAME_SIGNAL = 1000;

const AFTER_STEP =
  "stopping after this step (again: at once, losing the steps since the last checkpoint)";

/**
 * The first signal ends the run after the current step, a later one immediately.
 *
 * @param what What the first signal does, for the message.
 */
export function listen(controller: AbortController, what = AFTER_STEP): {
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
  // Asked first: with any listener Deno takes back that a signal is ignored.
  const survives = ignoresHangUp();
  for (const [name, code] of Object.entries(SIGNALS)) {
    const act = () => {
      if (name === "SIGHUP" && survives) return;
      const now = performance.now();
      if (controller.signal.aborted) {
        if (now - first >= SAME_SIGNAL) exit(code);
        return;
      }
      first = now;
      outcome.code = code;
      console.error(`\n${name}: ${what}`);
      controller.abort();
    };
    Deno.addSignalListener(name as Deno.Signal, act);
    listeners.push([name as Deno.Signal, act]);
  }
  return outcome;
}
